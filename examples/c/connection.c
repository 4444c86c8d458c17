#include "connection.h"

#include "service.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    int fd;
    bool last;  /* What is sent now is the last answer. */
    bool ended; /* It is sent. */
    size_t received, answered, sent;
    char in[8 * 1024]; /* No request may be larger. */
    char out[ANSWER_MAX];
};

struct connection *connection_open(int fd) {
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL)
        close(fd);
    else
        connection->fd = fd;
    return connection;
}

void connection_close(struct connection *connection) {
    close(connection->fd);
    free(connection);
}

int connection_descriptor(const struct connection *connection) {
    return connection->fd;
}

short connection_events(const struct connection *connection) {
    return connection->sent < connection->answered ? POLLOUT : POLLIN;
}

static bool is_early(void) {
    return errno == EAGAIN || errno == EINTR;
}

/* Sends what is left of an answer; false when nobody takes it. */
static bool send_answer(struct connection *connection) {
    while (connection->sent < connection->answered) {
        size_t left = connection->answered - connection->sent;
        ssize_t sent = send(connection->fd, connection->out + connection->sent, left, 0);
        if (sent < 0)
            return is_early();
        connection->sent += (size_t)sent;
    }
    return true;
}

/* Answers the next request, if it is there. */
static bool answer(struct connection *connection) {
    struct request request = {0};
    const char *refusal = NULL;
    switch (request_read((struct text){connection->in, connection->received}, &request)) {
    case READING_PARTIAL:
        if (connection->received < sizeof connection->in)
            return false;
        refusal = "413 Content Too Large";
        break;
    case READING_MALFORMED:
        refusal = "400 Bad Request";
        break;
    case READING_ENCODED:
        refusal = "501 Not Implemented";
        break;
    case READING_WHOLE:
        break;
    }
    connection->sent = 0;
    if (refusal != NULL) {
        connection->answered = service_refuse(refusal, connection->out);
        connection->last = true;
        return true;
    }
    connection->answered = service_answer(&request, connection->out);
    connection->last = request.last;
    connection->received -= request.length;
    memmove(connection->in, connection->in + request.length, connection->received);
    return true;
}

bool connection_serve(struct connection *connection) {
    if (!send_answer(connection))
        return false;
    /* Once a turn, so that nobody who sends much holds up the others. */
    bool may_receive = true;
    while (connection->sent == connection->answered) {
        if (connection->last && !connection->ended) {
            /* To close while input is unread would be a reset, which can overtake the answer. */
            shutdown(connection->fd, SHUT_WR);
            connection->ended = true;
        }
        if (connection->ended)
            connection->received = 0;
        else if (answer(connection)) {
            if (!send_answer(connection))
                return false;
            continue;
        }
        if (!may_receive)
            return true;
        may_receive = false;
        size_t room = sizeof connection->in - connection->received;
        ssize_t length = recv(connection->fd, connection->in + connection->received, room, 0);
        if (length < 0)
            return is_early();
        if (length == 0)
            return false;
        connection->received += (size_t)length;
    }
    return true;
}
