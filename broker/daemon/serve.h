/* `ringtail serve`: the broker as a program. */
#ifndef BROKER_DAEMON_SERVE_H
#define BROKER_DAEMON_SERVE_H

/* Runs until it is told to stop. Returns the exit code. */
int serve(int count, char **arguments);

#endif
