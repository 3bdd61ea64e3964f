//! A model of the test, its types erased.

use diesel::Connection;
use graphex::{Action, Kind, Lookup};

use super::{Datum, Sort, Stored};

/// A field of a model and the column it is read from.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// The Rust type.
    pub(crate) ty: String,
    /// The type in SQL.
    pub(crate) sql: &'static str,
    pub(crate) sort: Sort,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
}

impl Column {
    pub(crate) fn new<T: Stored>(name: &'static str) -> Self {
        Self {
            name,
            ty: T::name(),
            sql: T::SQL,
            sort: T::SORT,
            kind: T::TYPE.kind,
            nullable: T::TYPE.nullable,
        }
    }
}

/// What the server forces on a subscriber, for `scope(a, optional(b), any_of(c))`. A request
/// carries it.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) equal: Datum,
    pub(crate) optional: Option<Datum>,
    pub(crate) any_of: Vec<Datum>,
}

/// A model, its rows as one datum per column.
pub(crate) struct Model<C> {
    /// Its GraphQL name.
    pub(crate) name: &'static str,
    /// The name of the table, and of the stream.
    pub(crate) table: &'static str,
    /// The key comes first.
    pub(crate) columns: Vec<Column>,
    /// What is asked: lookups of columns.
    pub(crate) lookups: Vec<(usize, Lookup)>,
    /// The columns of the [`Scope`], where the model has one.
    pub(crate) scope: Option<[&'static str; 3]>,
    /// Broadcasts the write of one row.
    pub(crate) write: fn(&mut C, Action, &[Datum]),
}

impl<C: Connection> Model<C> {
    /// One of which every lookup of every column is asked.
    pub(crate) fn new(
        [name, table]: [&'static str; 2],
        columns: Vec<Column>,
        scope: Option<[&'static str; 3]>,
        write: fn(&mut C, Action, &[Datum]),
    ) -> Self {
        let lookups = columns.iter().enumerate().flat_map(|(position, column)| {
            Lookup::of(column.kind).map(move |lookup| (position, lookup))
        });
        Self {
            name,
            table,
            lookups: lookups.collect(),
            columns,
            scope,
            write,
        }
    }

    /// Its field in GraphQL's `Subscription` with this end.
    pub(crate) fn field(&self, end: &str) -> String {
        let (first, rest) = self.name.split_at(1);
        format!("{}{rest}{end}", first.to_lowercase())
    }

    pub(crate) fn column(&self, name: &str) -> usize {
        let mut columns = self.columns.iter();
        columns.position(|column| column.name == name).unwrap()
    }

    /// What creates its table.
    pub(crate) fn create_table(&self) -> String {
        let column = |column: &Column| {
            let null = if column.nullable { "" } else { " NOT NULL" };
            format!("{} {}{null}", column.name, column.sql)
        };
        let columns: Vec<_> = self.columns.iter().map(column).collect();
        let (table, columns) = (self.table, columns.join(", "));
        format!("DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({columns}, PRIMARY KEY (id))")
    }
}

/// A table with its model, and `describe` for the [`Model`].
macro_rules! model {
    (
        $conn:ty, $name:ident, $table:ident, $stream:literal, [$($option:tt)*],
        $(scope $scope:ident($args:ident): $equal:ident, $optional:ident, $any_of:ident;)?
        { $id:ident: $key:ty => $key_sql:ty, $($field:ident: $ty:ty => $sql:ty,)* }
    ) => {
        diesel::table! {
            $table ($id) { $id -> $key_sql, $($field -> $sql,)* }
        }

        #[derive(Clone, Queryable, Selectable, Insertable, AsChangeset, ModelType)]
        #[diesel(table_name = $table, treat_none_as_null = true)]
        #[graphex(stream = $stream, $($option)*)]
        pub(crate) struct $name {
            $id: $key,
            $($field: $ty,)*
        }

        $(
            impl graphex::Scoped for $name {
                async fn scope(
                    ctx: &async_graphql::Context<'_>,
                    _: &$args,
                ) -> async_graphql::Result<$scope> {
                    let scope = ctx.data::<$crate::oracle::Scope>()?;
                    Ok($scope {
                        $equal: Stored::of(&scope.equal),
                        $optional: scope.optional.as_ref().map_or(
                            graphex::Pinned::Anything,
                            |value| Option::into(Stored::of(value)),
                        ),
                        $any_of: scope.any_of.iter().map(Stored::of).collect(),
                    })
                }
            }
        )?

        impl $name {
            fn of(row: &[Datum]) -> Self {
                let mut row = row.iter();
                Self {
                    $id: Stored::of(row.next().unwrap()),
                    $($field: Stored::of(row.next().unwrap()),)*
                }
            }

            fn write(conn: &mut $conn, action: Action, row: &[Datum]) {
                let row = Self::of(row);
                let key = row.$id.clone();
                let written = match action {
                    Action::Create => {
                        diesel::insert_into($table::table).values(row).broadcast().execute(conn)
                    }
                    Action::Update => {
                        diesel::update($table::table.find(key)).set(row).broadcast().execute(conn)
                    }
                    Action::Delete => {
                        diesel::delete($table::table.find(key)).broadcast().execute(conn)
                    }
                };
                assert_eq!(written, Ok(1));
            }

            pub(crate) fn describe() -> $crate::oracle::Model<$conn> {
                #[allow(unused_mut, unused_assignments)]
                let mut scope = None;
                $(scope = Some([stringify!($equal), stringify!($optional), stringify!($any_of)]);)?
                let columns = vec![
                    $crate::oracle::Column::new::<$key>(stringify!($id)),
                    $($crate::oracle::Column::new::<$ty>(stringify!($field)),)*
                ];
                let names = [stringify!($name), stringify!($table)];
                $crate::oracle::Model::new(names, columns, scope, Self::write)
            }
        }
    };
}
pub(crate) use model;
