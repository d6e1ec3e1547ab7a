#include "clients/cli/version.h"

#include <stdio.h>
#include <uv.h>

#include <ringtail/ringtail.h>

#include "clients/cli/exit_code.h"

int version_run(const struct arguments *arguments)
{
    if (argument_given(arguments, "json")) {
        (void)printf("{\"version\":\"%s\",\"libuv\":\"%s\"}\n",
                     ringtail_version(), uv_version_string());
    } else {
        (void)printf("ringtail %s\n", ringtail_version());
    }
    return CODE_DONE;
}
