/* Private keys in files: encrypted PKCS#8 (RFC 5958), mode 0600, durable before they are named. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "crypto/key_file.h"
#include "crypto/key_impl.h"
#include "crypto/test_keys.h"

/* RFC 7914 §2: the parameters for interactive use; 16 MiB and about 40 ms. */
#define SCRYPT_N (1u << 14)
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_SALT 16
#define AES_IV 16
/* An RSA-8192 key in PEM is 6.4 kB. */
#define KEY_FILE_MAX 16384

/* ---- writing ---- */

static enum err_code sync_folder(const char *path, struct err *e)
{
	char copy[PATH_MAX];
	if (strlen(path) >= sizeof(copy))
		return err_set(e, ERR_USAGE, path, "the path is too long");
	memcpy(copy, path, strlen(path) + 1);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0) {
		int errnum = errno;
		if (fd >= 0)
			(void)close(fd);
		return err_sys(e, ERR_IO, path, errnum, "its folder cannot be synced");
	}
	(void)close(fd);
	return ERR_OK;
}

static enum err_code write_all(int fd, struct bytes data, const char *path, struct err *e)
{
	while (data.len > 0) {
		ssize_t n = write(fd, data.p, data.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, path, errno,
				"writing failed");
		data.p += n;
		data.len -= (size_t)n;
	}
	if (fsync(fd) != 0)
		return err_sys(e, ERR_IO, path, errno, "syncing failed");
	return ERR_OK;
}

enum err_code key_file_write(const char *path, struct bytes data, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, errno == EEXIST ? ERR_EXISTS : ERR_IO, path, errno,
			"the file cannot be made");
	/* The umask may have taken bits away from the owner; it cannot have given any. */
	enum err_code rc = fchmod(fd, 0600) == 0
		? write_all(fd, data, path, e)
		: err_sys(e, ERR_IO, path, errno, "the mode cannot be set");
	if (close(fd) != 0 && rc == ERR_OK)
		rc = err_sys(e, ERR_IO, path, errno, "closing failed");
	if (rc == ERR_OK)
		rc = sync_folder(path, e);
	if (rc != ERR_OK)
		(void)unlink(path);
	return rc;
}

static BIO *secret_bio(void)
{
	return BIO_new(BIO_s_secmem());
}

static enum err_code write_bio(BIO *bio, const char *path, struct err *e)
{
	char *text = NULL;
	long len = BIO_get_mem_data(bio, &text);
	if (len <= 0)
		return ossl_err(e, ERR_CRYPTO, path, "the key cannot be encoded");
	return key_file_write(path, bytes_of(text, (size_t)len), e);
}

static X509_SIG *encrypt(PKCS8_PRIV_KEY_INFO *plain, struct bytes passphrase)
{
	unsigned char salt[SCRYPT_SALT];
	unsigned char iv[AES_IV];
	if (RAND_bytes(salt, sizeof(salt)) != 1 || RAND_bytes(iv, sizeof(iv)) != 1)
		return NULL;
	X509_ALGOR *pbe = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt, sizeof(salt), iv, SCRYPT_N,
		SCRYPT_R, SCRYPT_P);
	if (pbe == NULL)
		return NULL;
	X509_SIG *sealed =
		PKCS8_set0_pbe((const char *)passphrase.p, (int)passphrase.len, plain, pbe);
	if (sealed == NULL)
		X509_ALGOR_free(pbe);
	return sealed;
}

enum err_code key_save(const struct key *k, const char *path, struct bytes passphrase,
	struct err *e)
{
	if (!k->is_private)
		return err_set(e, ERR_KEY_FORMAT, path, "it is only a public key");
	if (passphrase.len < PASSPHRASE_MIN || passphrase.len > INT_MAX)
		return err_set(e, ERR_PASSPHRASE_WEAK, path, "at least %d bytes are needed",
			PASSPHRASE_MIN);
	PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(k->pkey);
	X509_SIG *sealed = plain != NULL ? encrypt(plain, passphrase) : NULL;
	BIO *bio = secret_bio();
	enum err_code rc;
	if (sealed == NULL || bio == NULL || PEM_write_bio_PKCS8(bio, sealed) != 1)
		rc = ossl_err(e, ERR_CRYPTO, path, "the key cannot be encrypted");
	else
		rc = write_bio(bio, path, e);
	BIO_free(bio);
	X509_SIG_free(sealed);
	PKCS8_PRIV_KEY_INFO_free(plain);
	return rc;
}

enum err_code key_save_plain(const struct key *k, const char *path, struct err *e)
{
	if (!k->is_private)
		return err_set(e, ERR_KEY_FORMAT, path, "it is only a public key");
	PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(k->pkey);
	BIO *bio = secret_bio();
	enum err_code rc;
	if (plain == NULL || bio == NULL || PEM_write_bio_PKCS8_PRIV_KEY_INFO(bio, plain) != 1)
		rc = ossl_err(e, ERR_CRYPTO, path, "the key cannot be encoded");
	else
		rc = write_bio(bio, path, e);
	BIO_free(bio);
	PKCS8_PRIV_KEY_INFO_free(plain);
	return rc;
}

enum err_code key_private_der(const struct key *k, struct buf *out, struct err *e)
{
	if (!out->secret)
		return err_set(e, ERR_INTERNAL, "private key", "the buffer would not be wiped");
	if (!k->is_private)
		return err_set(e, ERR_KEY_FORMAT, "private key", "it is only a public key");
	PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(k->pkey);
	unsigned char *der = NULL;
	int len = plain != NULL ? i2d_PKCS8_PRIV_KEY_INFO(plain, &der) : -1;
	PKCS8_PRIV_KEY_INFO_free(plain);
	if (len <= 0)
		return ossl_err(e, ERR_CRYPTO, "private key", "it cannot be encoded");
	buf_bytes(out, bytes_of(der, (size_t)len));
	OPENSSL_clear_free(der, (size_t)len);
	return buf_end(out, e, "private key");
}

/* ---- reading ---- */

enum err_code key_file_read(const char *path, unsigned forbidden, size_t max, struct buf *out,
	struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, errno,
			"it cannot be opened");
	struct stat st;
	enum err_code rc = ERR_OK;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		rc = err_set(e, ERR_IO, path, "not a regular file");
	else if ((st.st_mode & forbidden) != 0)
		rc = err_set(e, ERR_PERMISSIONS, path, "mode is %04o; make it 0600",
			(unsigned)(st.st_mode & 07777));
	else if (st.st_size > (off_t)max)
		rc = err_set(e, ERR_LIMIT, path, "at most %zu bytes", max);
	uint8_t chunk[1024];
	ssize_t n = 1;
	while (rc == ERR_OK && n > 0) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n < 0)
			rc = err_sys(e, ERR_IO, path, errno, "reading failed");
		else
			buf_bytes(out, bytes_of(chunk, (size_t)n));
	}
	mem_wipe(chunk, sizeof(chunk));
	(void)close(fd);
	return rc != ERR_OK ? rc : buf_end(out, e, path);
}

static enum err_code decrypt(struct bytes der, struct bytes passphrase, const char *path,
	PKCS8_PRIV_KEY_INFO **out, struct err *e)
{
	const uint8_t *p = der.p;
	X509_SIG *sealed = d2i_X509_SIG(NULL, &p, (long)der.len);
	if (sealed == NULL || p != der.p + der.len) {
		X509_SIG_free(sealed);
		return ossl_err(e, ERR_KEY_FORMAT, path, "the encrypted key is damaged");
	}
	if (passphrase.p == NULL || passphrase.len > INT_MAX) {
		X509_SIG_free(sealed);
		return err_set(
			e, ERR_PASSPHRASE, path, "the key is encrypted: a passphrase is needed");
	}
	*out = PKCS8_decrypt(sealed, (const char *)passphrase.p, (int)passphrase.len);
	X509_SIG_free(sealed);
	if (*out != NULL)
		return ERR_OK;
	/* CBC has no check of its own: a changed ciphertext looks like a wrong passphrase. */
	return ossl_err(e, ERR_PASSPHRASE, path, "it cannot be decrypted");
}

static enum err_code parse_pem(struct bytes text, struct bytes passphrase, const char *path,
	PKCS8_PRIV_KEY_INFO **out, struct err *e)
{
	char *name = NULL;
	char *header = NULL;
	unsigned char *der = NULL;
	long len = 0;
	BIO *bio = BIO_new_mem_buf(text.p, (int)text.len);
	enum err_code rc;
	if (bio == NULL || PEM_read_bio_ex(bio, &name, &header, &der, &len,
				   PEM_FLAG_SECURE | PEM_FLAG_EAY_COMPATIBLE) != 1) {
		rc = ossl_err(e, ERR_KEY_FORMAT, path, "not PEM");
	} else if (strcmp(name, PEM_STRING_PKCS8) == 0) {
		rc = decrypt(bytes_of(der, (size_t)len), passphrase, path, out, e);
	} else if (strcmp(name, PEM_STRING_PKCS8INF) != 0) {
		rc = err_set(e, ERR_KEY_FORMAT, path, "a PKCS#8 key is needed, not %s", name);
	} else if (passphrase.p != NULL) {
		rc = err_set(e, ERR_KEY_FORMAT, path, "the key is not encrypted");
	} else {
		const unsigned char *p = der;
		*out = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, len);
		rc = *out != NULL ? ERR_OK : ossl_err(e, ERR_KEY_FORMAT, path, "not a PKCS#8 key");
	}
	OPENSSL_secure_free(name);
	OPENSSL_secure_free(header);
	OPENSSL_secure_clear_free(der, (size_t)len);
	BIO_free(bio);
	return rc;
}

enum err_code key_load(const char *path, struct bytes passphrase, struct key **out, struct err *e)
{
	struct buf text = buf_new_secret(KEY_FILE_MAX);
	PKCS8_PRIV_KEY_INFO *plain = NULL;
	EVP_PKEY *pkey = NULL;
	struct key *k = NULL;
	enum err_code rc = key_file_read(path, KEY_FILE_FORBIDDEN, KEY_FILE_MAX, &text, e);
	if (rc == ERR_OK)
		rc = parse_pem(buf_view(&text), passphrase, path, &plain, e);
	buf_free(&text);
	if (rc != ERR_OK)
		return rc;
	pkey = EVP_PKCS82PKEY(plain);
	PKCS8_PRIV_KEY_INFO_free(plain);
	if (pkey == NULL)
		return ossl_err(e, ERR_KEY_FORMAT, path, "the key cannot be read");
	k = key_wrap(pkey);
	if (k == NULL || !k->is_private) {
		key_free(k);
		return err_set(e, ERR_KEY_FORMAT, path, "not a private key of a kind we use");
	}
	const char *source = test_key_source(k);
	if (source != NULL) {
		key_free(k);
		return err_set(e, ERR_TEST_KEY, path, "published as %s", source);
	}
	*out = k;
	return ERR_OK;
}
