#include "service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t count;

static size_t respond(char answer[ANSWER_MAX], const char *status, const char *type, const char *body, bool last) {
    int length = snprintf(answer, ANSWER_MAX,
                          "HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: %zu\r\n%s\r\n%s", status, type,
                          strlen(body), last ? "connection: close\r\n" : "", body);
    return (size_t)length;
}

static bool add(struct text body) {
    char digits[16];
    if (body.length == 0 || body.length >= sizeof digits)
        return false;
    memcpy(digits, body.start, body.length);
    digits[body.length] = '\0';
    char *end;
    errno = 0;
    long long more = strtoll(digits, &end, 10);
    int64_t sum;
    if (errno != 0 || *end != '\0' || __builtin_add_overflow(count, more, &sum))
        return false;
    count = sum;
    return true;
}

size_t service_answer(const struct request *request, char answer[ANSWER_MAX]) {
    bool get = text_is(request->method, "GET"), post = text_is(request->method, "POST");
    if (text_is(request->path, "/") && get)
        return respond(answer, "200 OK", "text/plain", "hello from c\n", request->last);
    if (text_is(request->path, "/count") && (get || post)) {
        if (post && !add(request->body))
            return respond(answer, "400 Bad Request", "text/plain", "the body is not a number\n", request->last);
        char body[64];
        snprintf(body, sizeof body, "{\"count\":%" PRId64 "}\n", count);
        return respond(answer, "200 OK", "application/json", body, request->last);
    }
    return respond(answer, "404 Not Found", "text/plain", "not found\n", request->last);
}

size_t service_refuse(const char *status, char answer[ANSWER_MAX]) {
    return respond(answer, status, "text/plain", "", true);
}
