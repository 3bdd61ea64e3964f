"""Writes notes as a Django application does that shares the table."""

import os
import sys

import django
from django.conf import settings
from django.db import connection, models, transaction

HOST, PORT, NAME = sys.argv[1:4]

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": HOST,
            "PORT": PORT,
            "NAME": NAME,
            "USER": "tester",
        }
    },
    INSTALLED_APPS=[],
)
django.setup()


class Note(models.Model):
    id = models.BigIntegerField(primary_key=True)
    text = models.TextField()

    class Meta:
        app_label = "notes"
        db_table = "notes"
        managed = False


note = Note.objects.create(id=1, text="created")
note.text = "saved"
note.save()
Note.objects.bulk_create([Note(id=2, text="bulk"), Note(id=3, text="bulk")])
Note.objects.filter(id__gt=1).update(text="updated")
try:
    with transaction.atomic():
        Note.objects.create(id=4, text="rolled back")
        raise RuntimeError
except RuntimeError:
    pass
Note.objects.update_or_create(id=5, defaults={"text": "upserted"})
for note in Note.objects.order_by("id"):
    note.delete()
with connection.cursor() as cursor:
    cursor.execute("INSERT INTO notes VALUES (6, 'raw')")
