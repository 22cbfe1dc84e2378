//! The registry of Windows. Elsewhere there is none, and nothing stands in it.

/// A part of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hive {
    /// What holds for everybody.
    Machine,
    /// What holds for the user who runs this.
    User,
}

/// The text of a value; `""` is the value without a name.
#[must_use]
pub fn text(hive: Hive, key: &str, value: &str) -> Option<String> {
    system::text(hive, key, value)
}

/// The names of the keys below one; those that may not be read are none.
#[must_use]
pub fn below(hive: Hive, key: &str) -> Vec<String> {
    system::below(hive, key)
}

#[cfg(windows)]
mod system {
    use windows_registry::{CURRENT_USER, Key, LOCAL_MACHINE};

    use super::Hive;

    fn open(hive: Hive, key: &str) -> Option<Key> {
        let hive = match hive {
            Hive::Machine => LOCAL_MACHINE,
            Hive::User => CURRENT_USER,
        };
        hive.open(key).ok()
    }

    pub(super) fn text(hive: Hive, key: &str, value: &str) -> Option<String> {
        open(hive, key)?.get_string(value).ok()
    }

    pub(super) fn below(hive: Hive, key: &str) -> Vec<String> {
        let names = open(hive, key).and_then(|key| Some(key.keys().ok()?.collect()));
        names.unwrap_or_default()
    }
}

#[cfg(not(windows))]
mod system {
    use super::Hive;

    pub(super) fn text(_: Hive, _: &str, _: &str) -> Option<String> {
        None
    }

    pub(super) fn below(_: Hive, _: &str) -> Vec<String> {
        Vec::new()
    }
}
