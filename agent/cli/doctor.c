/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limpet doctor: tries what the agent needs, on this device, as the user who asks,
 * and says of each thing that is wrong how to mend it. It changes nothing.
 */
#include "agent/cli/commands.h"
#include "agent/cli/daemon.h"
#include "agent/cli/rbac.h"
#include "agent/cli/rights.h"
#include "agent/source/remote.h"
#include "agent/trust/files.h"
#include "platform/clock.h"
#include "platform/sandbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ASK_MS      15000
#define SPACE_BYTES (64ull * LP_MIB) /* less free than this is told */
#define CHECKS_JSON (256u * LP_KIB)

static struct config config;

enum how { GOOD, ADVICE, BAD };

/* What was found so far. */
struct findings {
	struct json *doc;
	struct jval *list;
	enum cli_output output;
	enum how worst;
};

/* One line: what was looked at, what was found and, unless all is well, the way out. */
static void tell(struct findings *f, enum how how, const char *what, const char *mend,
		 const char *fmt, ...) LP_PRINTF(5, 6);
static void tell(struct findings *f, enum how how, const char *what, const char *mend,
		 const char *fmt, ...)
{
	static const char *const words[] = {"ok", "warning", "problem"};
	const char *colours[] = {lp_cli_green(), lp_cli_yellow(), lp_cli_red()};
	char text[LP_ERR_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (how > f->worst)
		f->worst = how;
	if (f->output == OUTPUT_TEXT) {
		printf("%s%-8s%s %-13s %s\n", colours[how], words[how], lp_cli_plain(), what, text);
		if (how != GOOD && mend)
			printf("%-22s -> %s\n", "", mend);
		return;
	}
	struct jval *v = lp_json_obj(f->doc);
	lp_json_put_str(f->doc, v, "check", what);
	lp_json_put_str(f->doc, v, "result", words[how]);
	lp_json_put_str(f->doc, v, "text", text);
	if (how != GOOD && mend)
		lp_json_put_str(f->doc, v, "mend", mend);
	lp_json_add(f->list, v);
}

static void check_kernel(struct findings *f)
{
	struct sandbox_report report;

	lp_sandbox_probe(&report);
	for (int wall = 0; wall < WALLS; wall++)
		tell(f, report.walls[wall].up ? GOOD : ADVICE, lp_wall_name(wall),
		     "limpet runs without it, with one wall less", "%s", report.walls[wall].text);
}

static void check_clock(struct findings *f)
{
	static const char *const mend =
		"let the device synchronise its time (systemd-timesyncd, chrony)";
	char now[LP_TIME_TEXT];

	lp_cli_learn_time(&config);
	lp_time_text(lp_wall_s(), now);
	if (lp_wall_is_floor())
		tell(f, ADVICE, "clock", mend,
		     "the clock is behind what is known to have passed; %s is taken for now", now);
	else if (!lp_wall_synced())
		tell(f, ADVICE, "clock", mend, "%s, but nobody keeps it right", now);
	else
		tell(f, GOOD, "clock", NULL, "%s, synchronised", now);
}

static void check_config(struct findings *f)
{
	LP_AUTO(lp_buf_free) struct buf problems = {0};
	struct err err = {0};

	if (lp_config_check_files(config.file, &problems, &err) == LP_OK)
		tell(f, GOOD, "config", NULL, "%s, and the files that it names, can be read",
		     config.file);
	for (char *line = problems.len ? (char *)problems.data : NULL, *end; line && *line;
	     line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			break;
		*end = '\0';
		tell(f, BAD, "config", "put the file there, readable for the service's user", "%s",
		     line);
	}
}

static void check_state(struct findings *f)
{
	struct err err = {0};
	uint64_t free_bytes = 0;
	struct stat st;

	if (stat(config.state_dir, &st) != 0) {
		tell(f, errno == ENOENT ? ADVICE : BAD, "state",
		     "limpet run makes it; its parent must be writable for the service", "%s: %s",
		     config.state_dir, strerror(errno));
		return;
	}
	if (access(config.state_dir, W_OK) != 0)
		tell(f, BAD, "state", "run as the service's user, or give it the folder",
		     "%s cannot be written", config.state_dir);
	else if (st.st_mode & 077)
		tell(f, ADVICE, "state", "chmod 700 it: it holds what runs here, Secrets too",
		     "%s can be entered by others", config.state_dir);
	else
		tell(f, GOOD, "state", NULL, "%s", config.state_dir);
	if (lp_disk_free(config.state_dir, &free_bytes, &err) == LP_OK)
		tell(f, free_bytes < SPACE_BYTES ? ADVICE : GOOD, "disk",
		     "free some space; a revision is kept only when it fits",
		     "%" PRIu64 " MiB are free for the state", free_bytes / LP_MIB);
}

static void check_signers(struct findings *f, const struct source_config *source)
{
	const struct trust_paths paths = {.signers = source->trust.signers,
					  .keys = source->trust.keys,
					  .revoked = source->trust.revoked};
	LP_AUTO(lp_trust_files_free) struct trust_files files = {0};
	struct err err = {0};

	if (lp_trust_files_load(&paths, &files, &err) == LP_OK)
		tell(f, GOOD, "signers", NULL, "%zu SSH and %zu OpenPGP keys may sign",
		     files.signers.len, files.keys.len);
	else
		tell(f, BAD, "signers", "see ssh-keygen(1), ALLOWED SIGNERS, and limpet help keys",
		     "%s", err.msg);
}

static enum lp_code ask_git(const struct source_config *source, struct oid *ret, struct err *err)
{
	LP_AUTO(lp_remote_close) struct remote remote = LP_REMOTE;
	struct fetch_request request = {.deadline_ms = ASK_MS};
	bool readable_by_others = false;

	LP_TRY(lp_copy(request.url, sizeof(request.url), source->url, err));
	LP_TRY(lp_copy(request.ca_file, sizeof(request.ca_file), source->ca, err));
	LP_TRY(lp_copy(request.credentials_file, sizeof(request.credentials_file),
		       source->credentials, err));
	if (snprintf(request.ref, sizeof(request.ref), "refs/heads/%s", source->branch) >=
	    (int)sizeof(request.ref))
		return lp_err_set(err, LP_CONFIG, "branch: the name is too long");
	LP_TRY(lp_remote_begin(&remote, &request, &readable_by_others, err));
	return lp_remote_tip(&remote, request.ref, ret, err);
}

static void check_git(struct findings *f, const struct source_config *source)
{
	struct err err = {0};
	char hex[LP_OID_TEXT];
	struct oid tip;

	if (ask_git(source, &tip, &err) == LP_OK)
		tell(f, GOOD, "git", NULL, "%s: %s is at %.12s", source->url, source->branch,
		     lp_oid_hex(&tip, hex));
	else
		tell(f, BAD, "git", "limpet goes on with what it has; see url, ca and credentials",
		     "%s", err.msg);
}

/* --- the API server --- */

/* What limpet may not do, of what it needs. */
static void not_allowed(void *ctx, const struct right_rule *rule, unsigned right)
{
	tell(ctx, BAD, "rights", "add it to the role of limpet's user; see limpet doctor --rbac",
	     "%s %s.%s%s%s is not allowed", lp_right_name(right), rule->resource, rule->group,
	     *rule->name ? " " : "", rule->name);
}

static enum lp_code ask_api(struct findings *f, struct client *client, struct err *err)
{
	LP_AUTO(lp_rights_free) struct rights rights = {0};
	bool all = false;

	LP_TRY(lp_rights_connect(&config, client, err));
	LP_TRY(lp_rights_all(client, &all, err));
	tell(f, GOOD, "api", NULL, "%s answers %s", client->server, client->user);
	if (all) {
		tell(f, GOOD, "rights", NULL, "%s may do everything", client->user);
		return LP_OK;
	}
	LP_TRY(lp_rights_load(&config, &rights, err));
	LP_TRY(lp_rights_ask(client, &rights, not_allowed, f, err));
	tell(f, GOOD, "rights", NULL, "asked about %u kinds of the inventory", rights.kinds);
	return LP_OK;
}

static void check_api(struct findings *f)
{
	struct client client = {0};
	struct err err = {0};

	if (ask_api(f, &client, &err) != LP_OK)
		tell(f, BAD, "api",
		     "see cluster.kubeconfig; the service reads it as its own user "
		     "(packaging/limpet.service)",
		     "%s", err.msg);
	lp_client_close(&client);
}

static void check_daemon(struct findings *f)
{
	LP_AUTO(lp_json_freep) struct json *answer = NULL;
	struct err err = {0};
	enum lp_code code = lp_daemon_ask(&config, "status", NULL, &answer, &err);

	if (code == LP_OK)
		tell(f, GOOD, "daemon", NULL, "answers on %s", config.socket);
	else
		tell(f, ADVICE, "daemon", "systemctl start limpet, or limpet run", "%s", err.msg);
}

/* --- the subcommand --- */

static const struct cli_help help = {
	.usage = "limpet doctor [options]",
	.about =
		"Tries what the agent needs on this device: kernel, clock, files, Git server, API\n"
		"server and rights. Changes nothing. Run it as the service's user.\n\n"
		"With --rbac it prints a ServiceAccount with the least rights that limpet needs for\n"
		"what this device holds in the cluster, to be applied by an administrator, and\n"
		"on stderr what is missing of that for the user of cluster.kubeconfig.\n\n"
		"Exit: 0 all is well (or works with less), 1 there are problems, or rights are\n"
		"missing, 2 could not look.",
	.examples = "  limpet doctor\n"
		    "  limpet doctor --rbac | kubectl apply -f -\n"
		    "  sudo -u limpet limpet doctor -o json",
};

static int print_findings(struct findings *f)
{
	if (f->output == OUTPUT_TEXT)
		return f->worst == BAD ? CLI_FAILED : CLI_OK;
	struct jval *root = lp_json_obj(f->doc);
	lp_json_put_bool(f->doc, root, "ok", f->worst != BAD);
	lp_json_put(f->doc, root, "checks", f->list);
	int exit = lp_cli_json(root);
	return exit ? exit : f->worst == BAD ? CLI_FAILED : CLI_OK;
}

int lp_cmd_doctor(int argc, char **argv)
{
	const char *file = NULL;
	struct findings f = {0};
	bool rbac = false;
	const struct cli_option options[] = {
		CLI_CONFIG(file),
		CLI_OUTPUT(f.output),
		{"rbac", 0, NULL, "print the rights that limpet needs", &rbac, NULL, NULL},
		CLI_END,
	};
	LP_AUTO(lp_json_freep) struct json *doc = NULL;
	struct err err = {0};
	int exit = 0;

	if (lp_cli_parse(&help, options, argc, argv, &exit) < 0)
		return exit;
	if (!lp_cli_config(file, &config))
		return CLI_ERROR;
	if (lp_json_new(CHECKS_JSON, &doc, &err) != LP_OK || lp_http_init(&err) != LP_OK)
		return lp_cli_fail(&err);
	if (rbac)
		return lp_cli_rbac(&config, f.output);
	f.doc = doc;
	f.list = lp_json_arr(doc);
	check_kernel(&f);
	check_clock(&f);
	check_config(&f);
	check_state(&f);
	check_signers(&f, &config.sources[0]);
	check_git(&f, &config.sources[0]);
	check_api(&f);
	check_daemon(&f);
	return print_findings(&f);
}
