/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIMPET_AGENT_CLI_COMMANDS_H
#define LIMPET_AGENT_CLI_COMMANDS_H
/*
 * The subcommands. Each takes argv with its own name as argv[0] and returns the
 * program's exit code; the table of them is in agent/main.c.
 */
struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary; /* one line of `limpet help` */
};

extern const struct command lp_commands[]; /* ended by a NULL name */

int lp_cmd_run(int argc, char **argv);      /* run.c */
int lp_cmd_sync(int argc, char **argv);     /* wish.c */
int lp_cmd_rollback(int argc, char **argv); /* wish.c */
int lp_cmd_resume(int argc, char **argv);   /* wish.c */
int lp_cmd_suspend(int argc, char **argv);  /* wish.c */
int lp_cmd_status(int argc, char **argv);   /* status.c */
int lp_cmd_history(int argc, char **argv);  /* status.c */
int lp_cmd_events(int argc, char **argv);   /* events.c */
int lp_cmd_build(int argc, char **argv);    /* build.c */
int lp_cmd_verify(int argc, char **argv);   /* verify.c */
int lp_cmd_keys(int argc, char **argv);     /* keys.c */
int lp_cmd_trust(int argc, char **argv);    /* trust.c */
int lp_cmd_release(int argc, char **argv);  /* release.c */
int lp_cmd_doctor(int argc, char **argv);   /* doctor.c */
int lp_cmd_version(int argc, char **argv);  /* version.c */
int lp_cmd_help(int argc, char **argv);     /* help.c */
#endif
