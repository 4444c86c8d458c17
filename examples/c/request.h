/* What a client asks for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A piece of what was received: not terminated, and gone with the next request. */
struct text {
    const char *start;
    size_t length;
};

struct request {
    struct text method, path, body;
    bool last;     /* The connection ends with its answer. */
    size_t length; /* How many bytes it took. */
};

enum reading {
    READING_PARTIAL, /* More has to come. */
    READING_WHOLE,
    READING_MALFORMED,
    READING_ENCODED, /* A body in chunks or the like, which is not known here. */
};

/* Reads the first of what may be several requests. */
enum reading request_read(struct text received, struct request *request);

bool text_is(struct text text, const char *word);
