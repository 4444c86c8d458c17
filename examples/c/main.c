/* An HTTP server that serves all its clients from one poll(2) loop. */
#define _GNU_SOURCE /* accept4 */
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* More wait in the listener's queue. */
#define MAX_CLIENTS 512

static struct connection *clients[MAX_CLIENTS];
static size_t count;

/* wasip1 can open no socket: the listener is there when the program starts. */
static int listener(void) {
    const char *first = getenv("LISTEN_FDS_START");
    return first == NULL ? 3 : atoi(first);
}

static void accept_clients(int from) {
    while (count < MAX_CLIENTS) {
        int fd = accept4(from, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0) {
            /* A client that has gone again is no reason to stop. */
            if (errno == ECONNABORTED || errno == EINTR)
                continue;
            if (errno != EAGAIN)
                perror("accept");
            return;
        }
        struct connection *client = connection_open(fd);
        if (client != NULL)
            clients[count++] = client;
    }
}

int main(void) {
    int from = listener();
    if (fcntl(from, F_SETFL, O_NONBLOCK) != 0) {
        perror("no listener: forward a port to this program");
        return 1;
    }
    for (;;) {
        struct pollfd polled[MAX_CLIENTS + 1];
        for (size_t at = 0; at < count; at++)
            polled[at] = (struct pollfd){connection_descriptor(clients[at]), connection_events(clients[at]), 0};
        polled[count] = (struct pollfd){from, POLLIN, 0};
        nfds_t length = count < MAX_CLIENTS ? count + 1 : count;
        if (poll(polled, length, -1) < 0) {
            if (errno == EINTR)
                continue;
            perror("poll");
            return 1;
        }
        bool has_new = length > count && polled[count].revents != 0;
        /* From the end on: the last client takes the place of one that goes. */
        for (size_t at = count; at-- > 0;) {
            if (polled[at].revents != 0 && !connection_serve(clients[at])) {
                connection_close(clients[at]);
                clients[at] = clients[--count];
            }
        }
        if (has_new)
            accept_clients(from);
    }
}
