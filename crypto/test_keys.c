#include "crypto/test_keys.h"

#include <stdlib.h>
#include <string.h>

/*
 * SHA-256 of the DER SubjectPublicKeyInfo (for private keys that stand in public repositories),
 * repository and file; sorted.  Made with
 * `openssl pkey -in FILE -pubout -outform DER | sha256sum` over every private key in the heads of
 * these repositories in November 2026; keys no algorithm here can use are left out.  Two
 * examples of RFCs are with them.
 */
struct test_key {
	const char *id;
	const char *source;
};

static const struct test_key table[] = {
	{"02e2d5f7ab36b26d88f9af1a543a1bc61c4b24c276d0ec5cc63fd9e39a5576a2",
		"rauc/rauc test/openssl-ca/dev/private/xku-codeSigning-rauc.pem"},
	{"06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9",
		"RFC 8032 7.1 TEST 1 (Ed25519)"},
	{"0e2aa51f06578eac107065a8577507876aa047ef1dc74f7250a6ff7b590ba11d",
		"zephyrproject-rtos/trusted-firmware-m bl2/ext/mcuboot/root-RSA-3072.pem"},
	{"1130bee2c30b92e69c10c8cb1b159328eca8308a7749d381d51ee9e3a167066b",
		"ARM-software/arm-trusted-firmware plat/arm/board/common/swd_rotpk/arm_swd_rotprivk_rsa.pem"},
	{"159d8b7930769d887f3ff0b4e9ec176b82313663f2ef76dc24f5e964da1bc482",
		"mcu-tools/mcuboot root-rsa-3072.pem"},
	{"1c35c9ccb929906e7792eda384825b41be700c50760493eaf163135933e191aa",
		"mcu-tools/mcuboot testplan/mynewt/key_ec256_2.pem"},
	{"2e40bf6ef912bb983171090e1e153d0bfdd1cc694a98eb8ba0b020864e6c0717",
		"ARM-software/arm-trusted-firmware plat/arm/board/common/rotpk/arm_rotprivk_ecdsa.pem"},
	{"3c23fc4e1d332a0c86e6a8bf6ecf26046d702302e135bf53fc04a009a33a78c5",
		"mcu-tools/mcuboot enc-ec256-priv.pem"},
	{"3dfc6223395902412e16c0bda059f3ddb0f732f05380d9a4e276f15c8a2c70ad",
		"zephyrproject-rtos/trusted-firmware-m platform/ext/target/cypress/psoc64/security/keys/TFM_S_KEY_PRIV.pem"},
	{"469e16e2dc1e09f85b7f71d5dfd0a4917ffead247b47e437bf76213a3849895b",
		"rauc/rauc test/openssl-ca/dev/private/ca.key.pem"},
	{"47d49d739b11fbfdab792a0736b7ef893f345fd49bf3550fc104e7cc2f32db11",
		"rauc/rauc test/openssl-ca/rel/private/ca.key.pem"},
	{"4ec3fb3193234e2ed4456e84507ba591bbe2456ea38d1cd80287cfdec268ab6f",
		"zephyrproject-rtos/trusted-firmware-m bl2/ext/mcuboot/root-EC-P384_1.pem"},
	{"54674c34090b98739e4bb93ab182c4e099ce378410b4ebe6dd5922b064779511",
		"mcu-tools/mcuboot testplan/mynewt/key_rsa.pem"},
	{"5a7a78cca4a0f420d9bc62bb669c3c2759e39f723d3ae10dcbe0f0815a07ecd4",
		"RFC 6979 A.2.5 (P-256)"},
	{"6754edab1e29affef4a05935adecbeb1a7b8b62397b31e39a61b5bfcaafd63af",
		"mcu-tools/mcuboot root-ed25519-2.pem"},
	{"6bcd1e16d80e5fe13a5307e6f1de8344c7e50e537d9962ce35ef6db5e642fae8",
		"mcu-tools/mcuboot root-ec-p384-pkcs8.pem"},
	{"6dc968724fdedb71be7c8ad62540ea148996f96adb5c48e9cc3112c588f26d89",
		"mcu-tools/mcuboot testplan/mynewt/key_ec256.pem"},
	{"71d92fd7a802f39848a95fa5765f4d71067b79ce095d67204f449ec1a0c40b36",
		"ARM-software/arm-trusted-firmware plat/arm/board/common/protpk/arm_protprivk_ecdsa_secp384r1.pem"},
	{"7543da0c40a4623a30c971097a62ad7bd8ea8123bf5a3d5d559310dadad8c5a1",
		"rauc/rauc test/openssl-ca/dir/private/a.key.pem"},
	{"7a73f59d216cadd4137fc83d76eb8493a55e65027ddd2440e21f5626dd6cb869",
		"rauc/rauc test/openssl-ca/dir/private/b.key.pem"},
	{"7b1a17147ca907e16cad79901fef13991ec6206e3d148b657068ad6c4cba4626",
		"zephyrproject-rtos/trusted-firmware-m platform/ext/common/template/tfm_initial_attestation_key.pem"},
	{"80eeee2563bd1d0618bfb0184ca4380329dde018058698fce097bebb364b85a2",
		"ARM-software/arm-trusted-firmware tools/marvell/doimage/secure/kak_priv_pem.key"},
	{"82a5b443594853d4bf0fdd89a914a5dc16f867548207d7077e74d80c063efda9",
		"zephyrproject-rtos/trusted-firmware-m bl2/ext/mcuboot/root-EC-P256_1.pem"},
	{"87b8b30dcb3bacd792dae0a5cbb5de9c899061cb0a95e6e9db4e468998540ba9",
		"rauc/rauc test/openssl-ca/dev/private/xku-codeSigning-openssl.pem"},
	{"8c1214bc7d5511680ee910057198689db55bdecb5623a2b310fa9061be37e427",
		"ARM-software/arm-trusted-firmware plat/arm/board/common/swd_rotpk/arm_swd_rotprivk_ecdsa.pem"},
	{"8dce10c952c3423d5a4e33b1bd2104293eec31ac384b5b9cbd3a10321e65ee8d",
		"rauc/rauc test/openssl-ca/dev/private/autobuilder-1.pem"},
	{"95ac5d264689fa25b14a87a9bc950abfb1a77e5e628e7b13b5f1940c9a1c65b8",
		"mcu-tools/mcuboot enc-rsa2048-priv.pem"},
	{"9a0f8acde4fd481c87d30b3041d64c00334d63e29d1786af8abbd6423d6da5f6",
		"ARM-software/arm-trusted-firmware plat/arm/board/common/rotpk/arm_rotprivk_rsa_3k.pem"},
	{"9c1bf3361f117b572a8560069f74ed7665d7b7a7e8a31d0980be509ec64b7b39",
		"ARM-software/arm-trusted-firmware plat/arm/board/common/protpk/arm_protprivk_rsa.pem"},
	{"9f6214965237fca714871dded3de4f0422b809d544d22c82600b0955b955df67",
		"rauc/rauc test/openssl-ca/dev/private/xku-emailProtection.pem"},
	{"a14bcb1bf9bb821146ba32838217e476f5412621320534ffe490a1890c994660",
		"mcu-tools/mcuboot root-rsa-2048.pem"},
	{"a1ec91d8903068e1d0d44209d60f7d950440d2274b2fc1daa3702817924275c5",
		"ARM-software/arm-trusted-firmware plat/arm/board/common/protpk/arm_protprivk_ecdsa.pem"},
	{"a45ae707298b3f0e2d057ea1a4b44bf1a2829c81cabaadbdf6a17fa1f8207db9",
		"ARM-software/arm-trusted-firmware tools/marvell/doimage/secure/csk_priv_pem1.key"},
	{"a84ffcf46562d00768d779b620a7f53d44f71f058efb2d15c76d0bb32f237cb4",
		"ARM-software/arm-trusted-firmware tools/marvell/doimage/secure/csk_priv_pem0.key"},
	{"ab13eb57671c6e9e934d428e0897f163143164e7de8d1f1cae4d604bb8f2872a",
		"ARM-software/arm-trusted-firmware tools/marvell/doimage/secure/csk_priv_pem2.key"},
	{"b0f382091297d83a377a72471bec3273e99232e24959f65e8b4a4a46d8229ada",
		"ARM-software/arm-trusted-firmware plat/arm/board/common/rotpk/arm_rotprivk_rsa.pem"},
	{"b1d87d60173352b9a4808979790fc699fb4c4f83b49cf1970edd96ff4adc36a6",
		"mcu-tools/mcuboot root-ed25519-unknown.pem"},
	{"bb868a727f0ef75e890a6a52bccd1d936fb34438afd6f237e8af259865742446",
		"mcu-tools/mcuboot boot/cypress/keys/cypress-test-ec-p256.pem"},
	{"bfda383519d81b8e2660913e5de1df5fa4914462b46974b35149d952ec63ede7",
		"rauc/rauc test/openssl-ca/dev/private/autobuilder-2.pem"},
	{"c1907fa4eac7fae3840a78902b6f0710b037e9968e5c6274a12a28790c7d4e3c",
		"mcu-tools/mcuboot root-ed25519.pem"},
	{"cf2f67a6aee012de5a8e82a9d9e9f6bf4923f9f367fe6c03fe844a251a7b3e55",
		"mcu-tools/mcuboot samples/zephyr/bad-keys/bad-rsa-2048.pem"},
	{"dcbcebee418114ed0951f0693527feaede4cad51081cd45ee54979d0072ff53b",
		"ARM-software/arm-trusted-firmware plat/arm/board/common/rotpk/arm_rotprivk_ecdsa_secp384r1.pem"},
	{"df734773f1270f0dc4dcba9df471892a8bb3d02de87ae7f124fd6f9cb73344ee",
		"ARM-software/arm-trusted-firmware tools/marvell/doimage/secure/csk_priv_pem3.key"},
	{"e22596c73e8ac825eadaa7ba38231808c06da97075d1ba96a7c2c007ad86b928",
		"ARM-software/arm-trusted-firmware plat/arm/board/common/rotpk/arm_rotprivk_rsa_4k.pem"},
	{"e30466f6b8470c1f29070b17f1e2d3e94d445e3f608087fdc711e4382bb538b6",
		"mcu-tools/mcuboot root-ec-p256-pkcs8.pem"},
	{"e6c097daf1458d0f8b8d43fc4b4b9d4425203484b3afe5570ed074073901bab0",
		"mcu-tools/mcuboot samples/zephyr/bad-keys/bad-ec-p256.pem"},
	{"ebfe363948e8eff9252314dc84e827f37aca7d3a0bb34140eb4f08b548a4ccbd",
		"zephyrproject-rtos/trusted-firmware-m bl2/ext/mcuboot/root-RSA-3072_1.pem"},
	{"f7ff201419cb1554a5d17c9b7adc83b61a995646c02808da2135a24e5424df72",
		"zephyrproject-rtos/trusted-firmware-m bl2/ext/mcuboot/root-RSA-2048_1.pem"},
	{"f82d91d0193c6557517b7762f1a334abc4d4709ef1eb77b51e42f71c2a55fc6c",
		"mcu-tools/mcuboot testplan/mynewt/key_rsa_2.pem"},
	{"fe3ba5e86d13a338fb9bdcc55fd60e0ad938c005562a57510c8004951797e538",
		"ARM-software/arm-trusted-firmware plat/arm/board/common/swd_rotpk/arm_swd_rotprivk_ecdsa_secp384r1.pem"},
};

static int compare(const void *id, const void *row)
{
	return strcmp(id, ((const struct test_key *)row)->id);
}

const char *test_key_source(const struct key *k)
{
	uint8_t id[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	if (key_id(k, id, NULL) != ERR_OK)
		return NULL;
	hex_encode(id, sizeof(id), hex);
	const struct test_key *row = bsearch(hex, table, sizeof(table) / sizeof(table[0]),
		sizeof(table[0]), compare);
	return row != NULL ? row->source : NULL;
}
