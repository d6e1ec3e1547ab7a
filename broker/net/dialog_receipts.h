/*
 * What a dialog owes to its operations that published and wait for the disk: an
 * `ok` for each when its batch is done, or an `error`. Operations behind them
 * are handled and answered meanwhile, until RT_ANSWERS_MAX bytes are owed.
 */
#ifndef BROKER_NET_DIALOG_RECEIPTS_H
#define BROKER_NET_DIALOG_RECEIPTS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "broker/net/disk_answers.h"
#include "protocol/receipt.h"

struct rt_dialog;

struct rt_dialog_receipts {
    struct rt_disk_waiter waiter;
    struct rt_buffer owed; /* struct rt_dialog_receipt, each with its texts */
};

struct rt_dialog_receipt {
    struct rt_bytes id;    /* the operation's */
    struct rt_bytes topic; /* where it published */
    struct rt_receipt receipt;
    bool is_replayed; /* and was published before */
};

void rt_dialog_receipts_init(struct rt_dialog_receipts *receipts);

/* Frees the memory, of whoever waits no more. */
void rt_dialog_receipts_finish(struct rt_dialog_receipts *receipts,
                               struct rt_heap *heap);

/* The dialog is left, and owes nothing. */
void rt_dialog_receipts_drop(struct rt_dialog_receipts *receipts);

/* Whether nothing is owed; and as much as may be. */
bool rt_dialog_receipts_are_none(const struct rt_dialog_receipts *receipts);
bool rt_dialog_receipts_are_full(const struct rt_dialog_receipts *receipts);

/* Answers an operation, now or when its event is on disk, as receipt.ack says.
 * Without memory the connection is closed. */
void rt_dialog_tell(struct rt_dialog *dialog,
                    const struct rt_dialog_receipt *told);

#endif
