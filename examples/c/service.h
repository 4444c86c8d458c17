/* A counter, over HTTP. */
#pragma once

#include "request.h"

/* No answer is longer. */
#define ANSWER_MAX 256

/* Writes the answer and returns its length. */
size_t service_answer(const struct request *request, char answer[ANSWER_MAX]);

/* The answer to what is no request; the connection ends with it. */
size_t service_refuse(const char *status, char answer[ANSWER_MAX]);
