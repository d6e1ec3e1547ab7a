#include "broker/net/thread.h"

#include <pthread.h>
#include <signal.h>

/* A thread inherits the mask. */
int rt_thread_create(uv_thread_t *thread,
                     const char *name,
                     void (*run)(void *context),
                     void *context)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    RT_CHECK(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int err = uv_thread_create(thread, run, context);
    RT_CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (err == 0) {
        (void)pthread_setname_np(*thread, name);
    }
    return err;
}
