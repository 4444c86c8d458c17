//! What people wrote down, as long as the program runs.

use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard};

/// A note to be.
#[derive(Deserialize)]
pub struct Draft {
    text: String,
}

#[derive(Clone, Serialize)]
pub struct Note {
    id: usize,
    text: String,
}

/// A handle on all notes; clones share them.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<Note>>>);

impl Notes {
    pub fn all(&self) -> Vec<Note> {
        self.lock().clone()
    }

    pub fn add(&self, draft: Draft) -> Note {
        let mut notes = self.lock();
        let note = Note {
            id: notes.len() + 1,
            text: draft.text,
        };
        notes.push(note.clone());
        note
    }

    pub fn find(&self, id: usize) -> Option<Note> {
        self.lock().get(id.checked_sub(1)?).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Note>> {
        self.0.lock().expect("nobody panics while holding it")
    }
}
