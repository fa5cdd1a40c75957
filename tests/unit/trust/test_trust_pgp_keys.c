/* SPDX-License-Identifier: Apache-2.0 */
/* The file of bare keys that a device reads. */
#include "tests/unit/trust/pgp_fixture.h"

static struct pgp_keys keys;

static enum lp_code parse(struct slice text)
{
	lp_pgp_keys_free(&keys);
	return lp_pgp_keys_parse(text, "keys", &keys, &err);
}

static void check_refused(struct slice text, enum lp_code code, const char *message)
{
	CHECK_CODE(parse(text), code, message);
	CHECK(keys.len == 0 && keys.list == NULL);
}

/* The line of one key, without its line end. */
static struct slice line_of(const char *label)
{
	struct slice text = load_pgp("openpgp.keys");
	size_t end = where(text, label) + strlen(label), start = end;

	while (start && text.data[start - 1] != '\n')
		start--;
	return (struct slice){text.data + start, end - start};
}

static void set_up(void)
{
	CHECK_OK(lp_crypto_init(&err));
}

static void a_file_is_read_line_by_line(void)
{
	char fingerprint[LP_PGP_FINGERPRINT_TEXT];

	CHECK_OK(parse(load_pgp("openpgp.keys")));
	CHECK(keys.len == 13);
	CHECK_STR(keys.list[0].key.name, "rsa");
	CHECK(keys.list[0].number == 2 && keys.list[0].key.bits == 2048);
	CHECK(keys.list[0].expires_s == 0 && keys.list[0].key.created_s == MADE_S);
	CHECK_STR(keys.list[0].label, "rsa2048 <rsa2048@example.com>");
	CHECK(strlen(lp_pgp_fingerprint(&keys.list[0].key, fingerprint)) == 40);
	CHECK(keys.list[10].expires_s == MADE_S + 730 * 86400);
}

static void a_file_may_have_comments_and_no_key_at_all(void)
{
	CHECK_OK(parse(LP_SLICE("")));
	CHECK(keys.len == 0);
	CHECK_OK(parse(LP_SLICE("# nobody\n\n  \n  # at all")));
	CHECK(keys.len == 0);
}

static void what_is_read_is_written_again(void)
{
	LP_AUTO(lp_buf_free) struct buf out = LP_BUF(LP_PGP_KEYS_BYTES);
	struct slice text = load_pgp("openpgp.keys");

	CHECK_OK(parse(text));
	for (size_t i = 0; i < keys.len; i++)
		CHECK_OK(lp_pgp_keys_write(&keys.list[i].key, keys.list[i].expires_s,
					   keys.list[i].label, &out, &err));
	size_t comment = where(text, "\n") + 1;
	CHECK(lp_slice_equal(LP_SLICE_OF(&out),
			     (struct slice){text.data + comment, text.len - comment}));
}

static void the_signer_is_the_address_in_the_label(void)
{
	static const char *const labels[][2] = {
		{"Ann <ann@example.com>", "ann@example.com"},
		{"ann@example.com", "ann@example.com"},
		{"Ann <ann@example.com> (old)", "Ann <ann@example.com> (old)"},
		{"Ann <>", "Ann <>"},
		{"Ann <ann", "Ann <ann"},
	};
	char signer[LP_SIGNER_TEXT];

	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++) {
		const struct pgp_line line = {.label = labels[i][0]};

		CHECK_STR(lp_pgp_signer(&line, signer), labels[i][1]);
	}
}

static void a_bad_line_refuses_the_file_with_its_number(void)
{
	struct slice good = line_of("brief <brief@example.com>");
	static const struct {
		const char *from, *to, *message;
	} bad[] = {
		{"eddsa ", "eddsb ", "\"eddsb\": expected rsa"},
		{"eddsa ", "ed25519 ", "malformed key"},
		{"eddsa ", "ecdsa-p256 ", "not of the algorithm it says"},
		{"eddsa C", "eddsa *", "not a key in base64"},
		{"eddsa CSs", "eddsa CSw", "not of the algorithm it says"},
		{" 2025-06-01T00:00:00Z", " 2025-06-01", "expected the date it was made as"},
		{" 2025-06-01T00:00:00Z", " 2025-06-31T00:00:00Z", "expected the date"},
		{" 2025-06-01T00:00:00Z", " 1970-01-01T00:00:00Z", "expected the date"},
		{" 2025-06-01T00:00:00Z", " 2107-01-01T00:00:00Z", "no key can be made at"},
		{" 2025-06-01T00:00:00Z", " 2025-06-01T00:00:01Z", "the fingerprint of this key"},
		{" 2027-06-01T00:00:00Z", " 2025-06-01T00:00:00Z", "expires before it was made"},
		{" 2027-06-01T00:00:00Z", " never", "expected the date it expires, or -"},
		{" brief <brief@example.com>", "", "expected a label"},
		{" brief <", " brief\t<", "a control character"},
		{" brief <",
		 " br\xc2\xad"
		 "ef <",
		 "cannot be shown"},
	};

	check_refused(replace(line_of("p384 <p384@example.com>"), "ecdsa-p384 ", "ecdsa-p256 "),
		      LP_CONFIG, "keys:1: the key is not of the algorithm it says, ecdsa-p256");
	CHECK_OK(parse(good));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct slice line = replace(good, bad[i].from, bad[i].to);

		check_refused(insert(line, 0, "# one\n\n"), LP_CONFIG, "keys:3: ");
		CHECK_HAS(err.msg, bad[i].message);
	}
}

static void a_line_cut_off_anywhere_is_refused(void)
{
	struct slice good = line_of("odd");

	for (size_t n = 1; n < good.len - strlen("odd"); n++)
		check_refused(copy_of(good.data, n), LP_CONFIG, "keys:1: ");
}

static void a_key_that_is_there_twice_refuses_the_file(void)
{
	struct slice line = line_of("brief <brief@example.com>");

	check_refused(splice(insert(line, 0, "\n"), 0, 0, line), LP_CONFIG,
		      "keys:2: the key of line 1 for the second time");
}

static void short_rsa_keys_refuse_the_file(void)
{
	LP_AUTO(lp_buf_free) struct buf line = LP_BUF(LP_PGP_KEYS_LINE);
	LP_AUTO(lp_pgp_import_free) struct pgp_import import = {0};

	CHECK_OK(lp_pgp_import(load_pgp("cert-rsa1024"), NOW_S, &import, &err));
	CHECK_OK(lp_pgp_keys_write(&import.list[0].key, 0, "short", &line, &err));
	check_refused(LP_SLICE_OF(&line), LP_CONFIG, "an RSA key of 1024 bits");
}

static void a_label_may_have_a_certain_length_and_no_more(void)
{
	struct slice line = line_of("odd");
	char more[LP_SIGNER_TEXT - 3];

	memset(more, 'x', sizeof(more));
	more[sizeof(more) - 1] = '\0';
	CHECK_OK(parse(insert(line, line.len, more)));
	line = insert(line, line.len, "y");
	check_refused(insert(line, line.len, more), LP_CONFIG, "a label of more than 255 bytes");
}

/* n times the letter x, after a prefix. */
static struct slice long_text(const char *prefix, size_t n)
{
	uint8_t *bytes = keep(n);

	memset(bytes, 'x', n);
	memcpy(bytes, prefix, strlen(prefix));
	return (struct slice){bytes, n};
}

static void a_line_may_have_a_certain_length_and_no_more(void)
{
	CHECK_OK(parse(long_text("#", LP_PGP_KEYS_LINE)));
	check_refused(long_text("#", LP_PGP_KEYS_LINE + 1), LP_LIMIT,
		      "keys:1: a line of more than 4096 bytes");
}

static void a_file_may_have_a_certain_length_and_no_more(void)
{
	struct slice blank = long_text("", LP_PGP_KEYS_BYTES + 1);

	memset((uint8_t *)blank.data, '\n', blank.len);
	CHECK_OK(parse((struct slice){blank.data, LP_PGP_KEYS_BYTES}));
	check_refused(blank, LP_LIMIT, "keys: more than 262144 bytes");
}

/* A key of Ed25519 that nobody has, the n-th; its line. */
static void write_key(unsigned n, struct buf *out)
{
	uint8_t body[6 + 32] = {4, 0x68, 0x3b, 0x96, 0x80, PGP_ED25519};
	struct pgp_key key;

	memcpy(body + 6, &n, sizeof(n));
	CHECK_OK(lp_pgp_key_parse((struct slice){body, sizeof(body)}, &key, &err));
	CHECK_OK(lp_pgp_keys_write(&key, 0, "x", out, &err));
}

static void a_file_may_have_a_certain_number_of_keys_and_no_more(void)
{
	LP_AUTO(lp_buf_free) struct buf text = LP_BUF(LP_PGP_KEYS_BYTES);

	for (unsigned i = 0; i < LP_PGP_KEYS_LINES; i++)
		write_key(i, &text);
	CHECK_OK(parse(LP_SLICE_OF(&text)));
	CHECK(keys.len == LP_PGP_KEYS_LINES);
	write_key(LP_PGP_KEYS_LINES, &text);
	check_refused(LP_SLICE_OF(&text), LP_LIMIT, "keys:1001: more than 1000 keys");
}

int main(void)
{
	TEST(set_up);
	TEST(a_file_is_read_line_by_line);
	TEST(a_file_may_have_comments_and_no_key_at_all);
	TEST(what_is_read_is_written_again);
	TEST(the_signer_is_the_address_in_the_label);
	TEST(a_bad_line_refuses_the_file_with_its_number);
	TEST(a_line_cut_off_anywhere_is_refused);
	TEST(a_key_that_is_there_twice_refuses_the_file);
	TEST(short_rsa_keys_refuse_the_file);
	TEST(a_label_may_have_a_certain_length_and_no_more);
	TEST(a_line_may_have_a_certain_length_and_no_more);
	TEST(a_file_may_have_a_certain_length_and_no_more);
	TEST(a_file_may_have_a_certain_number_of_keys_and_no_more);
	lp_pgp_keys_free(&keys);
	return check_report();
}
