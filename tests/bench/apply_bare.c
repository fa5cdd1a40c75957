/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What limpet's apply is measured against: a bare client on libcurl that sends the same PATCHes
 * at the same concurrency over one HTTP/2 connection, and does nothing else.
 *
 *	apply_bare KUBECONFIG CONCURRENCY FOLDER
 *
 * Each file of FOLDER is one PATCH, in name order: the path on the first line, the body behind it.
 * Prints the milliseconds from the first PATCH to the last answer. The connection is made and the
 * files are read before.
 */
#include "agent/cluster/kubeconfig.h"
#include "platform/limits.h"

#include <curl/curl.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUERY   "?fieldManager=limpet&force=true&fieldValidation=Strict"
#define FILES   10000
#define FLIGHTS 16

struct patch {
	char *url, *body;
	size_t body_bytes;
};

static struct err err;
static struct kubeconfig config;
static struct patch patches[FILES];
static size_t patch_count;
static struct curl_slist *headers;
static unsigned refused;

static void die_if(int bad, const char *what)
{
	if (!bad)
		return;
	fprintf(stderr, "apply_bare: %s %s\n", what, err.msg);
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void read_patch(const char *folder, const char *name)
{
	struct buf text = LP_BUF(LP_OBJECT_BYTES), url = LP_BUF(4096);
	char path[LP_PATH_MAX];

	die_if(patch_count == FILES, "too many files");
	die_if(lp_path_join(path, folder, name, &err) != LP_OK, "path");
	die_if(lp_file_read(path, &text, &err) != LP_OK, "read");
	uint8_t *end = memchr(text.data, '\n', text.len);
	die_if(!end, "no path on the first line");
	size_t n = (size_t)(end - text.data);
	die_if(lp_buf_printf(&url, &err, "%s%.*s" QUERY, config.server, (int)n,
			     (char *)text.data) != LP_OK,
	       "url");
	patches[patch_count++] =
		(struct patch){(char *)url.data, (char *)end + 1, text.len - n - 1};
}

static void read_folder(const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, NULL, alphasort);

	die_if(n < 0, "cannot read the folder");
	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.')
			read_patch(folder, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	die_if(!patch_count, "an empty folder");
}

static size_t drop(char *data, size_t size, size_t n, void *ctx)
{
	(void)data;
	(void)ctx;
	return size * n;
}

static struct curl_blob blob(const struct buf *b, size_t more)
{
	return (struct curl_blob){b->data, b->len + more, CURL_BLOB_NOCOPY};
}

static CURL *make_handle(void)
{
	CURL *easy = curl_easy_init();
	struct curl_blob ca = blob(&config.ca_pem, 0);
	struct curl_blob cert = blob(&config.cert_pem, 0), key = blob(&config.key_pem, 1);

	die_if(!easy, "no handle");
	curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca);
	if (cert.len) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &cert);
		curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
		curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
		curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM");
	}
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
	return easy;
}

/* The connection, so that its handshake is not measured. */
static void connect_first(CURLM *multi, CURL *easy)
{
	char url[LP_URL_MAX + 16];
	int running = 1, left;

	snprintf(url, sizeof(url), "%s/readyz", config.server);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_multi_add_handle(multi, easy);
	while (running) {
		curl_multi_perform(multi, &running);
		curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	CURLMsg *message = curl_multi_info_read(multi, &left);
	die_if(!message || message->data.result != CURLE_OK, "no connection");
	curl_multi_remove_handle(multi, easy);
}

static void send_patch(CURLM *multi, CURL *easy, const struct patch *patch)
{
	curl_easy_setopt(easy, CURLOPT_URL, patch->url);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)patch->body_bytes);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, patch->body);
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PATCH");
	curl_multi_add_handle(multi, easy);
}

/* Takes what has ended and sends the next on the same handle; returns how many ended. */
static size_t turn(CURLM *multi, size_t *next)
{
	CURLMsg *message;
	size_t ended = 0;
	int left;

	while ((message = curl_multi_info_read(multi, &left))) {
		CURL *easy = message->easy_handle;
		long status = 0;
		die_if(message->data.result != CURLE_OK, "a request failed");
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		refused += status < 200 || status > 299;
		curl_multi_remove_handle(multi, easy);
		ended++;
		if (*next < patch_count)
			send_patch(multi, easy, &patches[(*next)++]);
	}
	return ended;
}

int main(int argc, char **argv)
{
	CURL *handles[FLIGHTS];
	size_t next = 0, done = 0;
	int running;

	die_if(argc != 4, "usage: apply_bare KUBECONFIG CONCURRENCY FOLDER");
	unsigned long flights = strtoul(argv[2], NULL, 10);
	die_if(flights < 1 || flights > FLIGHTS, "concurrency 1 to 16");
	die_if(lp_kubeconfig_load(argv[1], "", &config, &err) != LP_OK, "kubeconfig:");
	read_folder(argv[3]);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	headers = curl_slist_append(headers, "Content-Type: application/apply-patch+yaml");
	headers = curl_slist_append(
		headers, "Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
	headers = curl_slist_append(headers, "Expect:");
	CURLM *multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, 1L);
	for (unsigned long i = 0; i < flights; i++)
		handles[i] = make_handle();
	connect_first(multi, handles[0]);

	int64_t begun_us = now_us();
	for (unsigned long i = 0; i < flights && next < patch_count; i++)
		send_patch(multi, handles[i], &patches[next++]);
	while (done < patch_count) {
		curl_multi_perform(multi, &running);
		done += turn(multi, &next);
		if (done < patch_count)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	printf("%.1f\n", (double)(now_us() - begun_us) / 1000);
	if (refused)
		fprintf(stderr, "apply_bare: %u of %zu were refused\n", refused, patch_count);
	return refused != 0;
}
