#define _GNU_SOURCE /* memmem */
#include "request.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Takes what comes before the separator off the front. */
static bool split(struct text *rest, const char *separator, struct text *before) {
    const char *found = memmem(rest->start, rest->length, separator, strlen(separator));
    if (found == NULL)
        return false;
    *before = (struct text){rest->start, (size_t)(found - rest->start)};
    size_t taken = before->length + strlen(separator);
    rest->start += taken;
    rest->length -= taken;
    return true;
}

/* Names of fields and some of their values are the same in capitals. */
static bool text_names(struct text text, const char *word) {
    return text.length == strlen(word) && strncasecmp(text.start, word, text.length) == 0;
}

bool text_is(struct text text, const char *word) {
    return text.length == strlen(word) && memcmp(text.start, word, text.length) == 0;
}

static struct text trimmed(struct text text) {
    while (text.length > 0 && strchr(" \t", text.start[0]) != NULL)
        text.start++, text.length--;
    while (text.length > 0 && strchr(" \t", text.start[text.length - 1]) != NULL)
        text.length--;
    return text;
}

static bool number(struct text text, size_t *value) {
    *value = 0;
    for (size_t at = 0; at < text.length; at++) {
        unsigned digit = (unsigned char)text.start[at] - '0';
        if (digit > 9 || *value > (SIZE_MAX - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return text.length > 0;
}

enum reading request_read(struct text received, struct request *request) {
    struct text rest = received, head, line, version, name;
    if (!split(&rest, "\r\n\r\n", &head))
        return READING_PARTIAL;
    head.length += 2; /* So that every line has its end. */
    if (!split(&head, "\r\n", &line) || !split(&line, " ", &request->method) || !split(&line, " ", &request->path))
        return READING_MALFORMED;
    version = line;
    if (!text_is(version, "HTTP/1.1") && !text_is(version, "HTTP/1.0"))
        return READING_MALFORMED;
    request->last = text_is(version, "HTTP/1.0");
    size_t length = 0;
    while (split(&head, "\r\n", &line)) {
        if (!split(&line, ":", &name))
            return READING_MALFORMED;
        struct text value = trimmed(line);
        if (text_names(name, "content-length") && !number(value, &length))
            return READING_MALFORMED;
        if (text_names(name, "transfer-encoding"))
            return READING_ENCODED;
        if (text_names(name, "connection") && text_names(value, "close"))
            request->last = true;
    }
    if (rest.length < length)
        return READING_PARTIAL;
    request->body = (struct text){rest.start, length};
    request->length = (size_t)(rest.start - received.start) + length;
    return READING_WHOLE;
}
