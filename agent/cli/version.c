/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cli/cli.h"
#include "agent/cli/commands.h"

#include <stdio.h>
#include <string.h>

/* The notices of all libraries in the binary, put there by the linker (CMakeLists.txt here). */
__asm__(".section .rodata.licences,\"a\"\n"
	".global lp_licences\n"
	"lp_licences:\n"
	".incbin \"" LIMPET_LICENCES "\"\n"
	".byte 0\n"
	".previous\n");
extern const char lp_licences[];

#define JSON_BYTES LP_MIB /* the notices are the most of it */

static const char *const libraries[] = {LIMPET_LIBRARIES NULL}; /* "libgit2=1.9.0", ... */

static int print_json(bool licences)
{
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};

	if (lp_json_new(JSON_BYTES, &doc, &err) != LP_OK)
		return lp_cli_fail(&err);
	struct jval *root = lp_json_obj(doc), *list = lp_json_obj(doc);
	lp_json_put_str(doc, root, "version", LIMPET_VERSION);
	lp_json_put_str(doc, root, "commit", LIMPET_COMMIT);
	lp_json_put_str(doc, root, "target", LIMPET_TARGET_NAME);
	for (size_t i = 0; libraries[i]; i++) {
		const char *equals = strchr(libraries[i], '=');
		char name[64];
		snprintf(name, sizeof(name), "%.*s", (int)(equals - libraries[i]), libraries[i]);
		lp_json_put_str(doc, list, name, equals + 1);
	}
	if (licences)
		lp_json_put_str(doc, root, "licences", lp_licences);
	if (!lp_json_put(doc, root, "libraries", list))
		return lp_cli_error("out of memory");
	return lp_cli_json(root);
}

static const struct cli_help help = {
	.usage = "limpet version [options]",
	.about = "Tells the version, the commit it was built from and the libraries inside.",
	.examples = "  limpet version -o json\n"
		    "  limpet version --licences",
};

int lp_cmd_version(int argc, char **argv)
{
	enum cli_output output = OUTPUT_TEXT;
	bool licences = false;
	const struct cli_option options[] = {
		CLI_OUTPUT(output),
		{"licences", 0, NULL, "print the licence notices of limpet and its libraries",
		 &licences, NULL, NULL},
		CLI_END,
	};
	int exit = 0;

	if (lp_cli_parse(&help, options, argc, argv, &exit) < 0)
		return exit;
	if (output == OUTPUT_JSON)
		return print_json(licences);
	printf("limpet %s (%s, %s)\n", LIMPET_VERSION, LIMPET_COMMIT, LIMPET_TARGET_NAME);
	if (licences) {
		printf("Apache-2.0; with these libraries:\n\n%s", lp_licences);
		return CLI_OK;
	}
	for (size_t i = 0; libraries[i]; i++)
		printf("  %s\n", libraries[i]);
	return CLI_OK;
}
