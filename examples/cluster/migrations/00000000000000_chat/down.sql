DROP TABLE notes;
DROP TABLE messages;
DROP TABLE users;
