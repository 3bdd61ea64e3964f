//! What a document comes to when each fragment stands where it is spread, computed once for each
//! fragment.

use std::collections::HashMap;

/// Sizes of a document or a part of it. Sums stop at the largest number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    /// Brackets within brackets.
    pub(super) nesting: usize,
    pub(super) tokens: usize,
    /// Fields, spreads and inline fragments.
    pub(super) selections: usize,
    /// Fields with an alias.
    pub(super) aliases: usize,
    /// Selections of introspection.
    pub(super) introspection: usize,
    /// Lists of introspection within lists of introspection.
    pub(super) lists: usize,
    /// Bytes of arguments' values.
    pub(super) values: usize,
    /// [`Size::lists`], if all of this were below `__schema`.
    lists_if: usize,
}

impl Size {
    fn add(&mut self, other: &Self) {
        self.nesting = self.nesting.max(other.nesting);
        self.lists = self.lists.max(other.lists);
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.selections = self.selections.saturating_add(other.selections);
        self.aliases = self.aliases.saturating_add(other.aliases);
        self.introspection = self.introspection.saturating_add(other.introspection);
        self.values = self.values.saturating_add(other.values);
    }

    /// Adds what a spread brings that stands at `at`.
    fn add_spread(&mut self, fragment: &Self, at: Place) {
        let mut there = *fragment;
        there.nesting = there.nesting.saturating_add(at.nesting);
        let lists = there.lists_if.saturating_add(at.lists);
        self.lists_if = self.lists_if.max(lists);
        if at.introspects {
            there.introspection = there.selections;
            there.lists = lists;
        }
        self.add(&there);
    }
}

/// Where in a definition something stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    /// Brackets around it.
    pub(super) nesting: usize,
    /// Whether it is below `__schema` or `__type`.
    introspects: bool,
    /// Fields around it that are lists, should this be introspection.
    lists: usize,
}

impl Place {
    /// What is in the selection set of a field that stands here.
    pub(super) fn below(self, field: &str) -> Self {
        match field {
            "__schema" | "__type" => Self {
                introspects: true,
                lists: 0,
                ..self
            },
            // Those that lead from types to types (graphql-js, `MaxIntrospectionDepthRule`).
            "fields" | "inputFields" | "interfaces" | "possibleTypes" => Self {
                lists: self.lists.saturating_add(1),
                ..self
            },
            _ => self,
        }
    }
}

/// An operation or a fragment.
#[derive(Debug, Default)]
struct Definition<'d> {
    /// None for an operation.
    name: Option<&'d str>,
    /// An operation that is not the one to be run: its variables are not looked at.
    is_aside: bool,
    /// Without what is spread in it.
    own: Size,
    spreads: Vec<(&'d str, Place)>,
}

/// The definitions of a document. A reader tells it of what it meets, in the document's order.
#[derive(Debug, Default)]
pub(super) struct Outline<'d>(Vec<Definition<'d>>);

impl<'d> Outline<'d> {
    pub(super) fn begin_operation(&mut self, is_aside: bool) {
        self.0.push(Definition {
            is_aside,
            ..Definition::default()
        });
    }

    pub(super) fn begin_fragment(&mut self, name: &'d str) {
        self.0.push(Definition {
            name: Some(name),
            ..Definition::default()
        });
    }

    pub(super) fn tokens(&mut self, count: usize) {
        self.own(|own| own.tokens = own.tokens.saturating_add(count));
    }

    pub(super) fn value(&mut self, bytes: usize) {
        self.own(|own| own.values = own.values.saturating_add(bytes));
    }

    pub(super) fn brackets(&mut self, nesting: usize) {
        self.own(|own| own.nesting = own.nesting.max(nesting));
    }

    pub(super) fn field(&mut self, name: &str, at: Place) {
        self.selection(at);
        self.named(name, at);
    }

    /// The last field has an alias; this is its name.
    pub(super) fn aliased(&mut self, name: &str, at: Place) {
        self.own(|own| own.aliases += 1);
        self.named(name, at);
    }

    fn named(&mut self, name: &str, at: Place) {
        let lists = at.below(name).lists;
        self.own(|own| {
            own.lists_if = own.lists_if.max(lists);
            if at.introspects {
                own.lists = own.lists.max(lists);
            }
        });
    }

    pub(super) fn inline_fragment(&mut self, at: Place) {
        self.selection(at);
    }

    pub(super) fn spread(&mut self, fragment: &'d str, at: Place) {
        self.selection(at);
        if let Some(definition) = self.0.last_mut() {
            definition.spreads.push((fragment, at));
        }
    }

    fn selection(&mut self, at: Place) {
        self.own(|own| {
            own.selections += 1;
            own.introspection += usize::from(at.introspects);
        });
    }

    fn own(&mut self, change: impl FnOnce(&mut Size)) {
        if let Some(definition) = self.0.last_mut() {
            change(&mut definition.own);
        }
    }

    /// The size of all operations, and of the fragments that none of them spreads; or the name of
    /// a fragment that spreads itself.
    pub(super) fn size(&self) -> Result<Size, &'d str> {
        let fragments = self.0.iter().enumerate();
        let fragments = fragments.filter_map(|(index, it)| Some((it.name?, index)));
        let mut sizes = Sizes {
            definitions: &self.0,
            fragments: fragments.collect(),
            known: vec![State::Unknown; self.0.len()],
        };
        let mut total = Size::default();
        for (index, definition) in self.0.iter().enumerate() {
            if definition.name.is_none() {
                let mut size = sizes.of(index)?;
                if definition.is_aside {
                    size.values = 0;
                }
                total.add(&size);
            }
        }
        let is_unused = |state: &State| matches!(state, State::Unknown);
        let unused: Vec<_> = sizes.known.iter().map(is_unused).collect();
        for (index, _) in unused.into_iter().enumerate().filter(|(_, unused)| *unused) {
            total.add(&sizes.of(index)?);
        }
        // Validation looks at each definition once, too.
        let looked_at = self.0.iter().filter(|it| !it.is_aside);
        let once = looked_at.fold(0_usize, |sum, it| sum.saturating_add(it.own.values));
        total.values = total.values.max(once);
        Ok(total)
    }
}

#[derive(Clone, Copy)]
enum State {
    Unknown,
    /// Being computed: what spreads it now is spread by it.
    Open,
    Known(Size),
}

struct Sizes<'o, 'd> {
    definitions: &'o [Definition<'d>],
    fragments: HashMap<&'d str, usize>,
    known: Vec<State>,
}

impl<'d> Sizes<'_, 'd> {
    /// The size of a definition with all that it spreads. Without recursion: a chain of fragments
    /// may be as long as the document.
    fn of(&mut self, root: usize) -> Result<Size, &'d str> {
        if let State::Known(size) = self.known[root] {
            return Ok(size);
        }
        let mut path = vec![(root, 0, self.definitions[root].own)];
        self.known[root] = State::Open;
        loop {
            let Some((index, next, size)) = path.last_mut() else {
                return Ok(Size::default());
            };
            let definition = &self.definitions[*index];
            let Some((name, at)) = definition.spreads.get(*next) else {
                let (index, size) = (*index, *size);
                self.known[index] = State::Known(size);
                path.pop();
                if path.is_empty() {
                    return Ok(size);
                }
                continue;
            };
            // Unknown fragments are validation's to find.
            let fragment = self.fragments.get(name).copied();
            match fragment.map(|fragment| (fragment, self.known[fragment])) {
                Some((fragment, State::Unknown)) => {
                    self.known[fragment] = State::Open;
                    path.push((fragment, 0, self.definitions[fragment].own));
                    continue;
                }
                Some((_, State::Open)) => return Err(name),
                Some((_, State::Known(fragment))) => size.add_spread(&fragment, *at),
                None => {}
            }
            *next += 1;
        }
    }
}
