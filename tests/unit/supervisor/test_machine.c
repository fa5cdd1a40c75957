/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/limits.h"
#include "agent/supervisor/machine.h"
#include "platform/crypto.h"
#include "tests/unit/check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct config config;
static char name[LP_HOLDER_MAX];

static const char *name_of(const char *source)
{
	CHECK_OK(lp_machine_name(&config, source, name, sizeof(name), &err));
	return name;
}

static void it_is_the_same_every_time_and_another_for_each_source_and_state_folder(void)
{
	char first[LP_HOLDER_MAX], second[LP_PATH_MAX] = "";

	snprintf(first, sizeof(first), "%s", name_of("site"));
	CHECK_STR(name_of("site"), first);
	CHECK(strcmp(name_of("other"), first) != 0);
	snprintf(second, sizeof(second), "%s/second", config.state_dir);
	CHECK_OK(lp_dir_make(second, &err));
	memcpy(config.state_dir, second, sizeof(second));
	CHECK(strcmp(name_of("site"), first) != 0);
}

static void it_ends_with_16_digits_and_does_not_show_the_machines_id(void)
{
	const char *id = strrchr(name_of("site"), '_');
	LP_AUTO(lp_buf_free) struct buf machine = LP_BUF(1024);

	CHECK(id && strlen(id) == 17 && strspn(id + 1, "0123456789abcdef") == 16);
	CHECK(id != name);
	if (lp_file_read(LP_MACHINE_ID_FILE, &machine, &err) == LP_OK)
		CHECK(!id || !strstr(lp_buf_text(&machine), id + 1));
	CHECK_CODE(lp_machine_name(&config, "site", name, 10, &err), LP_LIMIT, "too long");
}

int main(void)
{
	char folder[] = "/tmp/limpet-machine-XXXXXX";

	CHECK_OK(lp_crypto_init(&err));
	CHECK(mkdtemp(folder));
	memcpy(config.state_dir, folder, sizeof(folder));
	TEST(it_ends_with_16_digits_and_does_not_show_the_machines_id);
	TEST(it_is_the_same_every_time_and_another_for_each_source_and_state_folder);
	CHECK_OK(lp_dir_remove(folder, &err));
	return check_report();
}
