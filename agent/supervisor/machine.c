/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor/machine.h"

#include "platform/clock.h"
#include "platform/crypto.h"
#include "platform/fs.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ID_TEXT    32 /* hex digits of a machine-id(5) */
#define ID_BYTES   16
#define SHOWN      8 /* bytes of the HMAC: enough for the machines of one cluster */
#define HOST_TEXT  64
#define FILE_BYTES 64

/* The id in a file; false when there is none, or no id ("uninitialized"). */
static bool read_id(const char *path, uint8_t ret[ID_BYTES])
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(FILE_BYTES);
	struct err err;

	if (lp_file_read(path, &text, &err) != LP_OK || text.len < ID_TEXT ||
	    (text.len > ID_TEXT && text.data[ID_TEXT] != '\n'))
		return false;
	return lp_unhex((const char *)text.data, ID_TEXT, ret, ID_BYTES);
}

static enum lp_code make_id(const char *path, uint8_t ret[ID_BYTES], struct err *err)
{
	char text[ID_TEXT + 2];

	lp_random(ret, ID_BYTES);
	lp_hex(ret, ID_BYTES, text);
	memcpy(text + ID_TEXT, "\n", 2);
	return lp_file_write(path, text, ID_TEXT + 1, 0600, err);
}

/* What a person calls this machine; of a name that JSON or a log would quote, what can be shown. */
static void host_name(char to[HOST_TEXT])
{
	if (gethostname(to, HOST_TEXT) != 0)
		to[0] = '\0';
	to[HOST_TEXT - 1] = '\0';
	for (char *c = to; *c; c++)
		if (!isalnum((unsigned char)*c) && *c != '.' && *c != '-')
			*c = '-';
}

enum lp_code lp_machine_name(const struct config *config, const char *source, char *to, size_t size,
			     struct err *err)
{
	static const char salt[] = "limpet/lease/1";
	char file[LP_PATH_MAX], host[HOST_TEXT], hex[2 * SHOWN + 1];
	LP_AUTO(lp_buf_free) struct buf what = LP_BUF(2 * LP_PATH_MAX);
	uint8_t id[ID_BYTES], digest[LP_SHA256_BYTES];

	LP_TRY(lp_path_join(file, config->state_dir, "machine-id", err));
	if (!read_id(LP_MACHINE_ID_FILE, id) && !read_id(file, id))
		LP_TRY(make_id(file, id, err));
	/* each with its NUL: no two triples make the same text */
	LP_TRY(lp_buf_append(&what, salt, sizeof(salt), err));
	LP_TRY(lp_buf_append(&what, source, strlen(source) + 1, err));
	LP_TRY(lp_buf_append(&what, config->state_dir, strlen(config->state_dir) + 1, err));
	lp_hmac_sha256((struct slice){id, sizeof(id)}, what.data, what.len, digest);
	lp_hex(digest, SHOWN, hex);
	host_name(host);
	if (snprintf(to, size, "%s_%s", host, hex) >= (int)size)
		return lp_err_set(err, LP_LIMIT, "the host name is too long");
	return LP_OK;
}
