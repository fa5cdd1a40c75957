/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cluster/kubeconfig.h"

#include "agent/cluster/limits.h"
#include "platform/crypto.h"
#include "platform/yaml.h"

#include <string.h>
#include <sys/stat.h>

/* One kubeconfig while it is read. */
struct reading {
	const char *path;
	const struct yaml_doc *doc;
	struct kubeconfig *ret;
	struct err *err;
};

/* Zero but for its path when there is no such file. */
static void stamp(struct file_stamp *ret)
{
	struct stat st;

	if (stat(ret->path, &st) != 0)
		return;
	ret->device = st.st_dev;
	ret->inode = st.st_ino;
	ret->bytes = (uint64_t)st.st_size;
	ret->modified_ns = st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec;
	ret->changed_ns = st.st_ctim.tv_sec * 1000000000LL + st.st_ctim.tv_nsec;
}

bool lp_stamps_changed(const struct file_stamp *stamps, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct file_stamp now = {0};
		memcpy(now.path, stamps[i].path, sizeof(now.path));
		stamp(&now);
		if (memcmp(&now, &stamps[i], sizeof(now)) != 0)
			return true;
	}
	return false;
}

/* The stamp is taken before the file is read: a change in between is then seen later. */
static enum lp_code remember(struct kubeconfig *config, const char *path, struct err *err)
{
	if (config->file_count == LP_KUBECONFIG_FILES)
		return lp_err_set(err, LP_INTERNAL, "more than %d files", LP_KUBECONFIG_FILES);
	struct file_stamp *slot = &config->files[config->file_count];
	*slot = (struct file_stamp){0};
	LP_TRY(lp_copy(slot->path, sizeof(slot->path), path, err));
	stamp(slot);
	config->file_count++;
	return LP_OK;
}

static void wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	lp_buf_free(b);
}

static void free_secret(struct buf *b)
{
	wipe(b);
}

void lp_kubeconfig_free(struct kubeconfig *config)
{
	wipe(&config->ca_pem);
	wipe(&config->cert_pem);
	wipe(&config->key_pem);
	wipe(&config->token);
}

/* "/etc/k3s.yaml:12: " in front of what is wrong with v. */
static enum lp_code complain(struct reading *r, const struct jval *v, const char *what)
{
	return lp_err_set(r->err, LP_CONFIG, "%s:%u: %s", r->path,
			  v ? lp_yaml_line(r->doc, v) : r->doc->line, what);
}

/* The entry of a list such as "clusters" with this name, its member such as "cluster". */
static enum lp_code find_entry(struct reading *r, const char *list, const char *member,
			       const char *name, struct jval **ret)
{
	char what[LP_NAME_MAX + 64];
	struct jval *entries = lp_json_get(lp_json_root(r->doc->json), list);
	struct json_iter it = lp_json_iter(entries);

	while (lp_json_next(&it)) {
		if (strcmp(lp_json_text(it.value, "name"), name) != 0)
			continue;
		*ret = lp_json_get(it.value, member);
		if (lp_json_is(*ret, JSON_OBJ))
			return LP_OK;
		snprintf(what, sizeof(what), "%s \"%s\" has no %s", list, name, member);
		return complain(r, it.value, what);
	}
	snprintf(what, sizeof(what), "no entry of %s is named \"%s\"", list, name);
	return complain(r, entries, what);
}

/* Keys that would do what limpet does not do, and why or what to do instead. */
static enum lp_code refuse(struct reading *r, const struct jval *entry,
			   const char *const refused[][2])
{
	char what[200];

	for (; (*refused)[0]; refused++) {
		const struct jval *v = lp_json_get(entry, (*refused)[0]);
		bool on = true;
		if (!v || lp_json_is(v, JSON_NULL) || (lp_json_bool(v, &on) && !on))
			continue;
		snprintf(what, sizeof(what), "%s is refused: %s", (*refused)[0], (*refused)[1]);
		return complain(r, v, what);
	}
	return LP_OK;
}

/* Reads a file that the kubeconfig names, relative to the kubeconfig's folder. */
static enum lp_code read_named(struct reading *r, const struct jval *v, struct buf *to)
{
	const char *name = lp_json_str(v), *slash = strrchr(r->path, '/');
	char path[LP_PATH_MAX];

	int n = *name == '/' || !slash ? snprintf(path, sizeof(path), "%s", name)
				       : snprintf(path, sizeof(path), "%.*s/%s",
						  (int)(slash - r->path), r->path, name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return complain(r, v, "the path is too long");
	LP_TRY(remember(r->ret, path, r->err));
	if (lp_file_read(path, to, r->err) == LP_OK)
		return LP_OK;
	r->err->code = r->err->code == LP_LIMIT ? LP_LIMIT : LP_CONFIG;
	return lp_err_wrap(r->err, "%s:%u", r->path, lp_yaml_line(r->doc, v));
}

/* KEY-data (base64) or KEY (a file) of entry; to stays empty when there is neither. */
static enum lp_code read_pem(struct reading *r, const struct jval *entry, const char *key,
			     struct buf *to)
{
	char data_key[64];

	*to = LP_BUF(LP_CREDENTIAL_BYTES);
	snprintf(data_key, sizeof(data_key), "%s-data", key);
	const struct jval *data = lp_json_get(entry, data_key), *file = lp_json_get(entry, key);
	if (data && !lp_json_is(data, JSON_NULL)) {
		if (!lp_json_is(data, JSON_STR) ||
		    lp_base64_decode(lp_json_slice(data), to, r->err) != LP_OK) {
			char what[100];
			snprintf(what, sizeof(what), "%s is not base64", data_key);
			return complain(r, data, what);
		}
	} else if (file && lp_json_is(file, JSON_STR) && *lp_json_str(file)) {
		LP_TRY(read_named(r, file, to));
	} else {
		return LP_OK;
	}
	if (memmem(to->data, to->len, "-----BEGIN", 10))
		return LP_OK;
	char what[100];
	snprintf(what, sizeof(what), "%s is not PEM (no -----BEGIN)", key);
	return complain(r, to->len && data ? data : file, what);
}

static enum lp_code read_server(struct reading *r, const struct jval *cluster)
{
	struct jval *server = lp_json_get(cluster, "server");
	const char *url = lp_json_str(server);

	if (!url || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0))
		return complain(r, server ? server : cluster,
				"server must be a URL such as https://127.0.0.1:6443");
	if (lp_copy(r->ret->server, sizeof(r->ret->server), url, r->err) != LP_OK)
		return complain(r, server, "server is too long");
	for (size_t n = strlen(url); n && r->ret->server[n - 1] == '/'; n--)
		r->ret->server[n - 1] = '\0';
	if (lp_copy(r->ret->proxy, sizeof(r->ret->proxy), lp_json_text(cluster, "proxy-url"),
		    r->err) != LP_OK)
		return complain(r, lp_json_get(cluster, "proxy-url"), "proxy-url is too long");
	return LP_OK;
}

static enum lp_code read_cluster(struct reading *r, const char *name)
{
	static const char *const refused[][2] = {
		{"insecure-skip-tls-verify",
		 "limpet always checks whom it talks to; set certificate-authority"},
		{"tls-server-name",
		 "limpet checks the name in server; put that name there, and into /etc/hosts"},
		{NULL, NULL},
	};
	struct jval *cluster = NULL;

	LP_TRY(find_entry(r, "clusters", "cluster", name, &cluster));
	LP_TRY(refuse(r, cluster, refused));
	LP_TRY(read_server(r, cluster));
	return read_pem(r, cluster, "certificate-authority", &r->ret->ca_pem);
}

/* Cuts white space at both ends, as token files have a line end. */
static void trim(struct buf *b)
{
	size_t from = 0;

	while (b->len && b->data[b->len - 1] <= ' ')
		b->data[--b->len] = '\0';
	while (from < b->len && b->data[from] <= ' ')
		from++;
	lp_buf_consume(b, from);
}

static enum lp_code read_token(struct reading *r, const struct jval *user)
{
	const struct jval *file = lp_json_get(user, "tokenFile"),
			  *text = lp_json_get(user, "token");
	struct buf *token = &r->ret->token;

	*token = LP_BUF(LP_CREDENTIAL_BYTES);
	/* the file wins, as in client-go */
	if (file && lp_json_is(file, JSON_STR) && *lp_json_str(file)) {
		LP_TRY(read_named(r, file, token));
		trim(token);
		if (!token->len)
			return complain(r, file, "the token file is empty");
	} else if (text && lp_json_is(text, JSON_STR)) {
		struct slice t = lp_json_slice(text);
		LP_TRY(lp_buf_append(token, t.data, t.len, r->err));
		trim(token);
		file = text;
	}
	for (size_t i = 0; i < token->len; i++)
		if (token->data[i] <= ' ' || token->data[i] >= 0x7f)
			return complain(r, file, "the token has characters that no token has");
	return LP_OK;
}

static enum lp_code read_user(struct reading *r, const char *name)
{
	static const char *const refused[][2] = {
		{"exec", "limpet starts no programs; use a client certificate, token or tokenFile"},
		{"auth-provider",
		 "limpet has no plugins; use a client certificate, token or tokenFile"},
		{"username", "no Kubernetes since 1.19 takes user and password; use a token"},
		{"password", "no Kubernetes since 1.19 takes user and password; use a token"},
		{"as", "limpet does not impersonate; give its own user the rights"},
		{NULL, NULL},
	};
	struct jval *user = NULL;

	LP_TRY(find_entry(r, "users", "user", name, &user));
	LP_TRY(refuse(r, user, refused));
	LP_TRY(read_pem(r, user, "client-certificate", &r->ret->cert_pem));
	LP_TRY(read_pem(r, user, "client-key", &r->ret->key_pem));
	if (!r->ret->cert_pem.len != !r->ret->key_pem.len)
		return complain(r, user, "client-certificate and client-key go together");
	LP_TRY(read_token(r, user));
	if (!r->ret->cert_pem.len && !r->ret->token.len)
		return complain(r, user, "the user has neither a client certificate nor a token");
	return LP_OK;
}

static enum lp_code read_context(struct reading *r, const char *name)
{
	struct jval *root = lp_json_root(r->doc->json), *context = NULL;

	if (!lp_json_is(root, JSON_OBJ))
		return complain(r, NULL, "not a kubeconfig: expected clusters, users and contexts");
	if (!*name)
		name = lp_json_text(root, "current-context");
	if (!*name)
		return complain(r, root, "no current-context; set it, or name a context");
	LP_TRY(find_entry(r, "contexts", "context", name, &context));
	const char *user = lp_json_text(context, "user");
	if (lp_copy(r->ret->user, sizeof(r->ret->user), user, r->err) != LP_OK)
		return complain(r, context, "the user's name is too long");
	LP_TRY(read_cluster(r, lp_json_text(context, "cluster")));
	return read_user(r, user);
}

enum lp_code lp_kubeconfig_parse(struct slice text, const char *path, const char *context,
				 struct kubeconfig *ret, struct err *err)
{
	LP_AUTO(lp_yaml_close) struct yaml_stream *stream = NULL;
	LP_AUTO(lp_yaml_doc_free) struct yaml_doc doc = {0};
	struct reading r = {path, &doc, ret, err};
	bool more = false;

	LP_TRY(lp_yaml_open(text.data, text.len, path, &stream, err));
	enum lp_code code = lp_yaml_next(stream, LP_KUBECONFIG_MEMORY, &doc, &more, err);
	if (code == LP_REJECTED)
		return err->code = LP_CONFIG;
	if (code != LP_OK)
		return code;
	if (!more || !doc.json || !lp_json_root(doc.json))
		return lp_err_set(err, LP_CONFIG, "%s: an empty kubeconfig", path);
	return read_context(&r, context);
}

enum lp_code lp_kubeconfig_load(const char *path, const char *context, struct kubeconfig *ret,
				struct err *err)
{
	LP_AUTO(free_secret) struct buf text = LP_BUF(LP_KUBECONFIG_BYTES);

	*ret = (struct kubeconfig){0};
	LP_TRY(remember(ret, path, err));
	enum lp_code code = lp_file_read(path, &text, err);
	if (code != LP_OK) {
		err->code = code == LP_LIMIT ? LP_LIMIT : LP_CONFIG;
		return lp_err_wrap(err, "kubeconfig");
	}
	return lp_kubeconfig_parse(LP_SLICE_OF(&text), path, context, ret, err);
}
