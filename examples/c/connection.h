/* One client. */
#pragma once

#include <stdbool.h>

struct connection;

/* Takes over the descriptor, which does not block; NULL when there is no memory. */
struct connection *connection_open(int fd);
void connection_close(struct connection *connection);

int connection_descriptor(const struct connection *connection);

/* What poll(2) is to wait for. */
short connection_events(const struct connection *connection);

/* Goes on as far as it can without waiting; false when the connection is over. */
bool connection_serve(struct connection *connection);
