/* SPDX-License-Identifier: Apache-2.0 */
#include "platform/json.h"
#include "platform/json_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
	struct buf *out;
	struct err *err;
	bool pretty, sorted;
};

static enum lp_code write_value(const struct writer *w, const struct jval *v, unsigned depth);

static enum lp_code write_escape(const struct writer *w, uint8_t c)
{
	static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (const char *form = short_forms; *form; form += 2)
		if ((uint8_t)form[0] == c)
			return lp_buf_printf(w->out, w->err, "\\%c", form[1]);
	return lp_buf_printf(w->out, w->err, "\\u%04x", c);
}

static enum lp_code write_string(const struct writer *w, const uint8_t *text, size_t n)
{
	size_t from = 0;

	LP_TRY(lp_buf_byte(w->out, '"', w->err));
	for (size_t i = 0; i < n; i++) {
		if (text[i] >= 0x20 && text[i] != '"' && text[i] != '\\')
			continue;
		LP_TRY(lp_buf_append(w->out, text + from, i - from, w->err));
		LP_TRY(write_escape(w, text[i]));
		from = i + 1;
	}
	LP_TRY(lp_buf_append(w->out, text + from, n - from, w->err));
	return lp_buf_byte(w->out, '"', w->err);
}

/* A real number as 0.DIGITS times ten to the point, without zeros at either end. */
struct digits {
	char text[32];
	int n, point;
	bool negative;
};

/* Takes apart what yyjson writes: [-]123.45[e-6], the shortest digits that read back the same. */
static struct digits take_apart(const char *text)
{
	struct digits d = {.negative = *text == '-'};
	bool fraction = false;

	for (text += d.negative; *text && *text != 'e' && *text != 'E'; text++) {
		if (*text == '.') {
			fraction = true;
			continue;
		}
		bool leading = !d.n && *text == '0';
		if (!leading && d.n < (int)sizeof(d.text) - 1)
			d.text[d.n++] = *text;
		d.point += fraction ? -leading : !leading;
	}
	d.point += *text ? (int)strtol(text + 1, NULL, 10) : 0;
	while (d.n && d.text[d.n - 1] == '0')
		d.n--;
	d.text[d.n] = '\0';
	return d;
}

/*
 * In the form of Go's encoding/json, because the API takes 1e3 from YAML for an integer only
 * when it arrives as 1000 and not as 1000.0.
 */
static enum lp_code write_digits(const struct writer *w, const struct digits *d)
{
	const char *t = d->text;

	if (d->negative)
		LP_TRY(lp_buf_byte(w->out, '-', w->err));
	if (!d->n)
		return lp_buf_byte(w->out, '0', w->err);
	if (d->point < -5 || d->point > 21)
		return lp_buf_printf(w->out, w->err, "%c%s%se%+d", t[0], d->n > 1 ? "." : "", t + 1,
				     d->point - 1);
	if (d->point <= 0)
		return lp_buf_printf(w->out, w->err, "0.%.*d%s", -d->point, 0, t);
	if (d->point >= d->n)
		return lp_buf_printf(w->out, w->err, "%s%.*d", t, d->point - d->n, 0);
	return lp_buf_printf(w->out, w->err, "%.*s.%s", d->point, t, t + d->point);
}

static enum lp_code write_number(const struct writer *w, const struct jval *v)
{
	char text[LP_JSON_DIGITS];

	if (!lp_json_digits(v, text))
		return lp_err_set(w->err, LP_REJECTED, "a number that JSON cannot hold");
	if (lp_json_is(v, JSON_INT))
		return lp_buf_str(w->out, text, w->err);
	struct digits d = take_apart(text);
	return write_digits(w, &d);
}

static enum lp_code write_break(const struct writer *w, unsigned depth)
{
	if (!w->pretty)
		return LP_OK;
	return lp_buf_printf(w->out, w->err, "\n%*s", (int)(2 * depth), "");
}

static enum lp_code write_member(const struct writer *w, size_t index, const char *key,
				 const struct jval *value, unsigned depth)
{
	if (index)
		LP_TRY(lp_buf_byte(w->out, ',', w->err));
	LP_TRY(write_break(w, depth));
	LP_TRY(write_string(w, (const uint8_t *)key, strlen(key)));
	LP_TRY(lp_buf_str(w->out, w->pretty ? ": " : ":", w->err));
	return write_value(w, value, depth);
}

static enum lp_code write_sorted(const struct writer *w, const struct jval *obj, unsigned depth)
{
	size_t n = lp_json_len(obj);
	struct json_member *members = lp_json_sorted(obj);
	enum lp_code code = n && !members ? lp_err_nomem(w->err, "JSON keys") : LP_OK;

	for (size_t i = 0; code == LP_OK && i < n; i++)
		code = write_member(w, i, members[i].key, members[i].value, depth + 1);
	free(members);
	return code;
}

static enum lp_code write_obj(const struct writer *w, const struct jval *obj, unsigned depth)
{
	struct json_iter it = lp_json_iter(obj);

	if (w->sorted)
		return write_sorted(w, obj, depth);
	while (lp_json_next(&it))
		LP_TRY(write_member(w, it.index, it.key, it.value, depth + 1));
	return LP_OK;
}

static enum lp_code write_arr(const struct writer *w, const struct jval *arr, unsigned depth)
{
	struct json_iter it = lp_json_iter(arr);

	while (lp_json_next(&it)) {
		if (it.index)
			LP_TRY(lp_buf_byte(w->out, ',', w->err));
		LP_TRY(write_break(w, depth + 1));
		LP_TRY(write_value(w, it.value, depth + 1));
	}
	return LP_OK;
}

static enum lp_code write_container(const struct writer *w, const struct jval *v, unsigned depth)
{
	bool is_obj = lp_json_is(v, JSON_OBJ);

	LP_TRY(lp_buf_byte(w->out, is_obj ? '{' : '[', w->err));
	LP_TRY(is_obj ? write_obj(w, v, depth) : write_arr(w, v, depth));
	if (lp_json_len(v))
		LP_TRY(write_break(w, depth));
	return lp_buf_byte(w->out, is_obj ? '}' : ']', w->err);
}

static enum lp_code write_value(const struct writer *w, const struct jval *v, unsigned depth)
{
	struct slice text = lp_json_slice(v);
	bool yes = false;

	switch (lp_json_type(v)) {
	case JSON_OBJ:
	case JSON_ARR:
		return write_container(w, v, depth);
	case JSON_STR:
		return write_string(w, text.data, text.len);
	case JSON_REAL:
	case JSON_INT:
		return write_number(w, v);
	case JSON_BOOL:
		(void)lp_json_bool(v, &yes);
		return lp_buf_str(w->out, yes ? "true" : "false", w->err);
	default:
		return lp_buf_str(w->out, "null", w->err);
	}
}

enum lp_code lp_json_write(const struct jval *v, struct buf *out, struct err *err)
{
	return write_value(&(struct writer){.out = out, .err = err}, v, 0);
}

enum lp_code lp_json_write_pretty(const struct jval *v, struct buf *out, struct err *err)
{
	return write_value(&(struct writer){.out = out, .err = err, .pretty = true}, v, 0);
}

enum lp_code lp_json_canonical(const struct jval *v, struct buf *out, struct err *err)
{
	return write_value(&(struct writer){.out = out, .err = err, .sorted = true}, v, 0);
}
