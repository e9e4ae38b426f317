/* medseal release propose, list, show, publish, fetch: releases on the server. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/call.h"
#include "cli/file.h"
#include "cli/release.h"
#include "firmware/approval.h"
#include "firmware/bundle.h"
#include "firmware/mcuboot.h"

#define PATH_SIZE 256

static struct {
	const char *product, *version, *format, *load_address, *rom_address;
	const char *vendor_id, *class_id, *out;
	struct arg_number counter, header_size;
	bool header_room;
} opt;

/* ---- propose ---- */

static const struct arg propose_args[] = {
	{"product", 'p', ARG_TEXT, true, &opt.product, "NAME", "the product it is for"},
	{"version", 'v', ARG_TEXT, true, &opt.version, "A.B.C[+D]", "its version"},
	{"security-counter", 's', ARG_NUMBER, true, &opt.counter, "N",
		"devices never go back below it"},
	{"format", 'f', ARG_TEXT, true, &opt.format, "FORMAT",
		"plain: any file; mcuboot: a binary for that bootloader"},
	{"header-size", 0, ARG_NUMBER, false, &opt.header_size, "N", "mcuboot: bytes; else 32"},
	{"header-room", 0, ARG_FLAG, false, &opt.header_room, NULL,
		"mcuboot: the file begins with room for the header"},
	{"load-addr", 0, ARG_TEXT, false, &opt.load_address, "ADDRESS",
		"mcuboot: is copied to this address (0x...)"},
	{"rom-addr", 0, ARG_TEXT, false, &opt.rom_address, "ADDRESS",
		"mcuboot: must lie at this address (0x...)"},
	{"vendor-id", 0, ARG_TEXT, false, &opt.vendor_id, "HEX", "mcuboot: 32 hex digits"},
	{"class-id", 0, ARG_TEXT, false, &opt.class_id, "HEX", "mcuboot: 32 hex digits"},
	{.name = NULL},
};

static enum err_code parse_address(const char *s, const char *option, uint32_t *out, struct err *e)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(s, &end, 0);
	if (errno != 0 || end == s || *end != '\0' || v > UINT32_MAX || *s == '-')
		return err_set(e, ERR_USAGE, option, "an address of 32 bits, as 0x20000000");
	*out = (uint32_t)v;
	return ERR_OK;
}

static enum err_code mcuboot_args(const struct release *r, struct mcuboot_options *m,
	uint8_t vendor[VERIFY_UUID_SIZE], uint8_t class[VERIFY_UUID_SIZE], struct err *e)
{
	*m = (struct mcuboot_options){.version = r->version,
		.security_counter = r->security_counter,
		.header_size = (uint16_t)opt.header_size.v,
		.header_room = opt.header_room};
	if (opt.header_size.v > UINT16_MAX)
		return err_set(e, ERR_USAGE, "--header-size", "at most %d", UINT16_MAX);
	if (opt.load_address != NULL && opt.rom_address != NULL)
		return err_set(e, ERR_USAGE, "--rom-addr", "not together with --load-addr");
	if (opt.load_address != NULL) {
		m->place = MCUBOOT_RAM_LOAD;
		return parse_address(opt.load_address, "--load-addr", &m->address, e);
	}
	if (opt.rom_address != NULL) {
		m->place = MCUBOOT_ROM_FIXED;
		return parse_address(opt.rom_address, "--rom-addr", &m->address, e);
	}
	if (opt.vendor_id != NULL) {
		if (!hex_decode(opt.vendor_id, vendor, VERIFY_UUID_SIZE))
			return err_set(e, ERR_USAGE, "--vendor-id", "32 hex digits");
		m->vendor_id = vendor;
	}
	if (opt.class_id != NULL) {
		if (!hex_decode(opt.class_id, class, VERIFY_UUID_SIZE))
			return err_set(e, ERR_USAGE, "--class-id", "32 hex digits");
		m->class_id = class;
	}
	return ERR_OK;
}

static enum err_code to_memfd(struct bytes data, int *fd, struct err *e)
{
	int f = memfd_create("image", MFD_CLOEXEC);

	if (f < 0)
		return err_sys(e, ERR_NO_MEMORY, "image", errno, "no room for it");
	while (data.len > 0) {
		ssize_t n = write(f, data.p, data.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			close(f);
			return err_sys(e, ERR_NO_MEMORY, "image", errno, "no room for it");
		}
		data.p += n;
		data.len -= (size_t)n;
	}
	*fd = f;
	return ERR_OK;
}

/* The binary with MCUboot's header and protected TLVs: what people approve and the signer signs. */
static enum err_code prepare(const char *file, const struct release *r, int *fd, struct err *e)
{
	uint8_t vendor[VERIFY_UUID_SIZE], class[VERIFY_UUID_SIZE];
	struct buf binary = buf_new(MCUBOOT_IMAGE_MAX), image = buf_new(MCUBOOT_IMAGE_MAX);
	struct mcuboot_options m;
	enum err_code rc = mcuboot_args(r, &m, vendor, class, e);

	if (rc == ERR_OK)
		rc = disk_read(file, MCUBOOT_IMAGE_MAX, &binary, e);
	if (rc == ERR_OK)
		rc = mcuboot_prepare(buf_view(&binary), &m, &image, e);
	if (rc == ERR_OK)
		rc = to_memfd(buf_view(&image), fd, e);
	buf_free(&binary);
	buf_free(&image);
	return rc;
}

static enum err_code open_plain(const char *file, int *fd, struct err *e)
{
	struct stat st;
	int f = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (f < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, file, errno,
			"cannot open");
	if (fstat(f, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(f);
		return err_set(e, ERR_USAGE, file, "it must be a regular file");
	}
	*fd = f;
	return ERR_OK;
}

static enum err_code describe(const char *file, struct release *r, int *fd, struct err *e)
{
	struct stat st;
	enum err_code rc;

	*r = (struct release){.security_counter = (uint32_t)opt.counter.v};
	if (opt.counter.v > UINT32_MAX)
		return err_set(e, ERR_USAGE, "--security-counter", "at most %u", UINT32_MAX);
	if (!release_format_parse(opt.format, &r->format))
		return err_set(e, ERR_USAGE, "--format", "plain or mcuboot");
	if (!release_product_ok(opt.product))
		return err_set(e, ERR_USAGE, "--product", "1 to %d of A-Z a-z 0-9 . _ -",
			RELEASE_PRODUCT_MAX);
	snprintf(r->product, sizeof(r->product), "%s", opt.product);
	rc = mcuboot_version_parse(opt.version, &r->version, e);
	if (rc == ERR_MALFORMED)
		rc = e->code = ERR_USAGE; /* what was typed is wrong, no data is damaged */
	if (rc == ERR_OK)
		rc = r->format == RELEASE_MCUBOOT ? prepare(file, r, fd, e) : open_plain(file, fd, e);
	if (rc != ERR_OK)
		return rc;
	if (fstat(*fd, &st) != 0)
		return err_sys(e, ERR_IO, file, errno, "cannot look at it");
	r->image_size = (uint64_t)st.st_size;
	rc = sha256_fd(*fd, r->image_size, r->image_digest, e);
	if (rc == ERR_OK)
		rc = release_check_image(r, *fd, e);
	return rc;
}

static enum err_code upload(struct client *cl, int fd, const struct release *r, struct err *e)
{
	char hex[2 * SHA256_SIZE + 1];
	yyjson_doc *reply = NULL;
	enum err_code rc;

	if (lseek(fd, 0, SEEK_SET) != 0)
		return err_sys(e, ERR_IO, "image", errno, "cannot read it again");
	rc = client_upload(cl, "/v1/images", fd, r->image_size, "uploading", &reply, e);
	if (rc != ERR_OK)
		return rc;
	hex_encode(r->image_digest, SHA256_SIZE, hex);
	if (!yyjson_equals_str(yyjson_obj_get(yyjson_doc_get_root(reply), "sha256"), hex))
		rc = err_set(e, ERR_RELEASE_IMAGE, "image", "the server received other bytes");
	yyjson_doc_free(reply);
	return rc;
}

static enum err_code run_propose(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct buf statement = buf_new(RELEASE_STATEMENT_MAX), envelope =
		buf_new(APPROVAL_ENVELOPE_MAX);
	struct session s;
	struct release r;
	yyjson_doc *reply = NULL;
	int fd = -1;
	enum err_code rc = describe(o->v[0], &r, &fd, e);

	if (rc == ERR_OK)
		rc = release_encode(&r, &statement, e);
	if (rc == ERR_OK)
		rc = session_open(c, &s, e);
	if (rc != ERR_OK)
		goto out;
	rc = approval_make(APPROVAL_PROPOSE, clock_now(clock_system()), buf_view(&statement),
		s.id.key, s.id.cert.der, &envelope, e);
	if (rc == ERR_OK)
		rc = upload(s.client, fd, &r, e);
	if (rc == ERR_OK)
		rc = client_json(s.client, "/v1/releases", buf_view(&envelope), &reply, e);
	if (rc == ERR_OK)
		rc = out_value(c, yyjson_doc_get_root(reply), e);
	yyjson_doc_free(reply);
	session_close(&s);
out:
	if (fd >= 0)
		close(fd);
	buf_free(&statement);
	buf_free(&envelope);
	return rc;
}

const struct command command_release_propose = {
	.words = "release propose",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.summary = "Hand in an image and sign what it is; others then approve",
	.args = propose_args,
	.online = true,
	.run = run_propose,
};

/* ---- list, show ---- */

static enum err_code run_list(struct cli *c, const struct arg_operands *o, struct err *e)
{
	(void)o;
	return call_print(c, "/v1/releases", BYTES_NONE, e);
}

const struct command command_release_list = {
	.words = "release list",
	.operands = "",
	.summary = "List the releases and their states",
	.online = true,
	.run = run_list,
};

static enum err_code run_show(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct buf path = buf_new(PATH_SIZE);
	enum err_code rc = client_path("/v1/releases/", o->v[0], "", &path, e);

	if (rc == ERR_OK)
		rc = call_print(c, buf_cstr(&path), BYTES_NONE, e);
	buf_free(&path);
	return rc;
}

const struct command command_release_show = {
	.words = "release show",
	.operands = "ID",
	.min = 1,
	.max = 1,
	.summary = "Show one release with its proposal and approvals",
	.online = true,
	.run = run_show,
};

/* ---- publish, fetch ---- */

static const struct arg fetch_args[] = {
	{"output", 'o', ARG_TEXT, true, &opt.out, "FILE", "where the bundle goes; a new file"},
	{.name = NULL},
};

/* Nothing stays under the name that was asked for unless it verifies. */
static enum err_code fetch(struct session *s, const char *id, const char *out, struct err *e)
{
	struct buf path = buf_new(PATH_SIZE);
	struct pending file = {.fd = -1};
	enum err_code rc = client_path("/v1/releases/", id, "/bundle", &path, e);

	if (rc == ERR_OK)
		rc = pending_start(&file, out, 0644, false, e);
	if (rc == ERR_OK)
		rc = client_download(s->client, buf_cstr(&path), file.fd, "fetching", e);
	if (rc == ERR_OK)
		rc = release_verify_fetched(s->id.dir, id, file.fd, e);
	if (rc == ERR_OK)
		rc = pending_keep(&file, e);
	else
		pending_drop(&file);
	buf_free(&path);
	return rc;
}

static enum err_code print_fetched(struct cli *c, const char *id, yyjson_val *release,
	struct err *e)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = release != NULL ? yyjson_val_mut_copy(doc, release) : yyjson_mut_obj(doc);

	yyjson_mut_doc_set_root(doc, o);
	if (release == NULL)
		yyjson_mut_obj_add_str(doc, o, "id", id);
	yyjson_mut_obj_add_str(doc, o, "bundle", opt.out);
	yyjson_mut_obj_add_bool(doc, o, "verified", true);
	return out_doc(c, doc, e);
}

static enum err_code run_publish(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct buf path = buf_new(PATH_SIZE);
	struct session s;
	yyjson_doc *reply = NULL;
	struct stat st;
	enum err_code rc = client_path("/v1/releases/", o->v[0], "/publish", &path, e);

	if (rc == ERR_OK && lstat(opt.out, &st) == 0) /* before it is published, not after */
		rc = err_set(e, ERR_EXISTS, opt.out, "choose another name");
	if (rc == ERR_OK)
		rc = session_open(c, &s, e);
	if (rc == ERR_OK) {
		rc = client_json(s.client, buf_cstr(&path), bytes_str("{}"), &reply, e);
		if (rc == ERR_OK)
			rc = fetch(&s, o->v[0], opt.out, e);
		session_close(&s);
	}
	if (rc == ERR_OK)
		rc = print_fetched(c, o->v[0], yyjson_doc_get_root(reply), e);
	yyjson_doc_free(reply);
	buf_free(&path);
	return rc;
}

const struct command command_release_publish = {
	.words = "release publish",
	.operands = "ID",
	.min = 1,
	.max = 1,
	.summary = "Have an approved release signed, and fetch its bundle",
	.args = fetch_args,
	.online = true,
	.run = run_publish,
};

static enum err_code run_fetch(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct session s;
	enum err_code rc = session_open(c, &s, e);

	if (rc != ERR_OK)
		return rc;
	rc = fetch(&s, o->v[0], opt.out, e);
	session_close(&s);
	return rc == ERR_OK ? print_fetched(c, o->v[0], NULL, e) : rc;
}

const struct command command_release_fetch = {
	.words = "release fetch",
	.operands = "ID",
	.min = 1,
	.max = 1,
	.summary = "Fetch the bundle of a published release",
	.args = fetch_args,
	.online = true,
	.run = run_fetch,
};
