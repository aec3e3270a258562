//! How a slot's key, which has 64 bits, travels through a poller whose keys are as wide as a pointer.
//!
//! Where a pointer has 64 bits a key is its own token. Elsewhere a token is a number that is not used again before 2^31
//! others were, so that an event of an ended registration finds no key.

use filch_core::io::SlotKey;

#[cfg(target_pointer_width = "64")]
pub(crate) type Keys = Whole;
#[cfg(not(target_pointer_width = "64"))]
pub(crate) type Keys = table::Tokens;

/// Keys that are their own tokens.
#[cfg(target_pointer_width = "64")]
#[derive(Debug, Default)]
pub(crate) struct Whole;

#[cfg(target_pointer_width = "64")]
impl Whole {
    pub(crate) fn token(&self, key: SlotKey) -> usize {
        key.to_raw() as usize
    }

    pub(crate) fn key(&self, token: usize) -> Option<SlotKey> {
        Some(SlotKey::from_raw(token as u64))
    }

    pub(crate) fn forget(&self, _key: SlotKey) {}
}

#[cfg(any(all(test, not(filch_loom)), not(target_pointer_width = "64")))]
mod table {
    use super::SlotKey;
    use filch_core::sys::sync::Mutex;
    use std::collections::HashMap;

    /// The tokens in use, in both directions.
    #[derive(Debug, Default)]
    pub(crate) struct Tokens(Mutex<Table>);

    #[derive(Debug, Default)]
    struct Table {
        next: u32,
        keys: HashMap<u32, SlotKey>,
        tokens: HashMap<SlotKey, u32>,
    }

    impl Table {
        fn fresh(&mut self) -> u32 {
            loop {
                let token = self.next;
                self.next = (token + 1) & (u32::MAX >> 1); // Stays clear of the poller's own key.
                if !self.keys.contains_key(&token) {
                    return token;
                }
            }
        }
    }

    impl Tokens {
        /// The token of `key`, a fresh one if it has none.
        pub(crate) fn token(&self, key: SlotKey) -> usize {
            let mut table = self.0.lock();
            if let Some(token) = table.tokens.get(&key) {
                return *token as usize;
            }
            let token = table.fresh();
            table.keys.insert(token, key);
            table.tokens.insert(key, token);
            token as usize
        }

        /// The key behind a token. `None` when its registration has ended.
        pub(crate) fn key(&self, token: usize) -> Option<SlotKey> {
            self.0.lock().keys.get(&u32::try_from(token).ok()?).copied()
        }

        /// Ends the life of a key's token.
        pub(crate) fn forget(&self, key: SlotKey) {
            let mut table = self.0.lock();
            if let Some(token) = table.tokens.remove(&key) {
                table.keys.remove(&token);
            }
        }
    }

    #[cfg(all(test, not(filch_loom)))]
    mod tests {
        use super::*;

        #[test]
        fn a_token_leads_to_its_key_until_it_is_forgotten() {
            let tokens = Tokens::default();
            let keys = [7 << 40, 8 << 40].map(SlotKey::from_raw);
            let [first, second] = keys.map(|key| tokens.token(key));
            assert_ne!(first, second);
            assert_eq!(tokens.token(keys[0]), first);
            assert_eq!(tokens.key(first), Some(keys[0]));
            tokens.forget(keys[0]);
            assert_eq!(tokens.key(first), None);
            assert_ne!(tokens.token(keys[0]), first);
            assert_eq!(tokens.key(second), Some(keys[1]));
        }
    }
}
