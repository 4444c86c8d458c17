package main

import "sync"

type Note struct {
	ID   int    `json:"id"`
	Text string `json:"text"`
}

// Notes are what people wrote down, as long as the program runs.
type Notes struct {
	mutex sync.Mutex
	all   []Note
}

// All is never nil: JSON has a list for it, too.
func (n *Notes) All() []Note {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return append([]Note{}, n.all...)
}

func (n *Notes) Add(text string) Note {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	note := Note{ID: len(n.all) + 1, Text: text}
	n.all = append(n.all, note)
	return note
}

func (n *Notes) Find(id int) (Note, bool) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if id < 1 || id > len(n.all) {
		return Note{}, false
	}
	return n.all[id-1], true
}
