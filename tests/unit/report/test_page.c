/* Whatever stands in a name stays text, and a page is whole. */
#include "tests/unit/cmocka_tap.h"

#include <string.h>

#include "report/page.h"
#include "report/text.h"

static void cleaned(struct bytes in, size_t max, const char *want)
{
	struct buf b = buf_new(1000);
	text_clean(&b, in, max);
	assert_string_equal(buf_cstr(&b), want);
	buf_free(&b);
}

static void text_of_others_is_made_fit_to_be_shown(void **state)
{
	(void)state;
	cleaned(bytes_str("Klinik \xc3\x84"), 100, "Klinik \xc3\x84");
	cleaned(bytes_str("a\x1b[2J\n"), 100, "a\xef\xbf\xbd[2J\xef\xbf\xbd");
	cleaned(bytes_of("a\0b", 3), 100,
		"a\xef\xbf\xbd"
		"b");
	cleaned(bytes_str("\xff\xc3"), 100, "\xef\xbf\xbd\xef\xbf\xbd");
	/* U+202E turns "gpj.exe" round; U+2066 and U+061C move their neighbours too. */
	cleaned(bytes_str("\xe2\x80\xae"
			  "a\xe2\x81\xa6"
			  "b\xd8\x9c"),
		100,
		"\xef\xbf\xbd"
		"a\xef\xbf\xbd"
		"b\xef\xbf\xbd");
	cleaned(bytes_str("\xe2\x80\x93\xd8\x9b"), 100, "\xe2\x80\x93\xd8\x9b"); /* a dash stays */
	cleaned(bytes_str("12345"), 5, "12345");
	cleaned(bytes_str("123456"), 5, "12345\xe2\x80\xa6");
	cleaned(bytes_str("1234\xc3\x84"), 5, "1234\xe2\x80\xa6"); /* no character is halved */
	cleaned(BYTES_NONE, 0, "");
}

static void the_five_characters_are_escaped(void **state)
{
	(void)state;
	struct buf b = buf_new(1000);
	page_escape(&b, bytes_str("<a href='x' b=\"y\">&amp;\n\t\x07\xff"));
	assert_string_equal(buf_cstr(&b),
		"&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;amp;\n\t\xef\xbf\xbd\xef\xbf\xbd");
	buf_free(&b);
}

/* Every way of bringing text in, with a name that wants to be a script. */
static void nothing_hostile_gets_through(void **state)
{
	(void)state;
	static const char evil[] = "</title><script>alert(1)</script>\"'";
	const char *two[] = {evil, "second"};
	struct buf b = buf_new(BUF_MAX_DEFAULT);

	page_begin(&b, evil, evil);
	page_section(&b, evil);
	page_text(&b, evil);
	page_table_begin(&b, two, 2);
	page_table_row(&b, two, 2);
	page_table_end(&b);
	page_figure(&b, bytes_str("<svg></svg>"), evil);
	page_end(&b);
	assert_int_equal(buf_end(&b, NULL, "page"), ERR_OK);
	assert_null(strstr(buf_cstr(&b), "<script"));
	assert_null(strstr(buf_cstr(&b), "alert(1)</"));
	assert_non_null(strstr(buf_cstr(&b), "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;"));
	assert_non_null(strstr(buf_cstr(&b), "<svg></svg>"));
	assert_non_null(strstr(buf_cstr(&b), "default-src 'none'"));
	assert_ptr_equal(strstr(buf_cstr(&b), "<!DOCTYPE html>"), buf_cstr(&b));
	assert_string_equal(buf_cstr(&b) + b.len - 8, "</html>\n");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_others_is_made_fit_to_be_shown),
		cmocka_unit_test(the_five_characters_are_escaped),
		cmocka_unit_test(nothing_hostile_gets_through),
	};
	return RUN_TAP(tests);
}
