// Notes in memory, over HTTP. `go run .` serves the same.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"strconv"
)

// Larger requests are refused.
const maxBody = 64 << 10

func main() {
	listener, err := listen(3000)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(listener, service(new(Notes))))
}

func service(notes *Notes) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello from go")
	})
	mux.HandleFunc("GET /notes", func(w http.ResponseWriter, r *http.Request) {
		respond(w, http.StatusOK, notes.All())
	})
	mux.HandleFunc("POST /notes", func(w http.ResponseWriter, r *http.Request) {
		var draft struct{ Text string }
		body := http.MaxBytesReader(w, r.Body, maxBody)
		if err := json.NewDecoder(body).Decode(&draft); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		respond(w, http.StatusCreated, notes.Add(draft.Text))
	})
	mux.HandleFunc("GET /notes/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.Atoi(r.PathValue("id"))
		if err != nil {
			http.Error(w, "an id is a number", http.StatusBadRequest)
			return
		}
		note, found := notes.Find(id)
		if !found {
			http.NotFound(w, r)
			return
		}
		respond(w, http.StatusOK, note)
	})
	return mux
}

func respond(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// All that can fail is the connection, and then nobody is there to be told.
	_ = json.NewEncoder(w).Encode(value)
}
