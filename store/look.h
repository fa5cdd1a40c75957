/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_STORE_LOOK_H
#define LIMPET_STORE_LOOK_H
/*
 * Inside store/ only: a way for SQLite to read a database and the -wal that a
 * crash left, without writing a byte or making a file. SQLite's own read-only
 * mode wants to make a -shm file, and its immutable mode does not see the -wal.
 */
#include "platform/err.h"

/*
 * Registers the VFS once. Files are opened read-only, a missing -wal is an empty one, and of the
 * locks only the shared one is taken: it is what a running owner refuses, and what holds off an
 * owner that starts meanwhile.
 */
LP_CHECKED enum lp_code lp_look_register(const char **ret_vfs_name, struct err *err);
#endif
