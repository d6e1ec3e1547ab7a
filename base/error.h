/*
 * Error codes inside the library: 0 or a negative errno, the values that libuv
 * uses on POSIX systems, so that both pass through unchanged.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <errno.h>

#define RT_ENOMEM   (-ENOMEM) /* the system or the budget has no memory left */
#define RT_EINVAL   (-EINVAL) /* the input is malformed */
#define RT_ERANGE   (-ERANGE) /* well formed, but outside the limits */
#define RT_EIO      (-EIO)    /* a device has failed */
#define RT_EBUSY    (-EBUSY)  /* somebody else has it */
#define RT_EAGAIN   (-EAGAIN) /* nothing can be done now */
#define RT_EEXIST   (-EEXIST) /* there is one already, and it is another one */
#define RT_ENOENT   (-ENOENT) /* there is none */
#define RT_ENOSPC   (-ENOSPC) /* the disk has no room left */
#define RT_ECLOSED  (-ESHUTDOWN) /* it has been ended: it takes no more */
#define RT_EDAMAGED (-EBADMSG)   /* a disk has other bytes than were written */
#define RT_EUNENDED (-EINPROGRESS)     /* it was begun, and not ended */
#define RT_ENOFILE  (-EMEDIUMTYPE)     /* it is no regular file */
#define RT_EFAILED  (-ENOTRECOVERABLE) /* it has failed before, for good */

#endif
