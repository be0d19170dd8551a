/* Proofs of membership: HMAC-SHA256 with the vectors of RFC 4231, and that a proof is valid only
 * for its own greeting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "peer/proof.h"

enum { VECTOR_BYTES_MAX = 160 };

/* Both texts in hex. The fifth case of the RFC has a truncated result, which is not used here. */
struct vector {
    const char *key;
    const char *data;
    const char *hmac;
};

#define TEN(text)    text text text text text text text text text text
#define TWENTY(text) TEN(text) TEN(text)
#define LONG_KEY     TEN(TEN("aa")) TWENTY("aa") TEN("aa") "aa" /* Longer than a block. */

static const struct vector vectors[] = {
    {TWENTY("0b"), "4869205468657265",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
    {TWENTY("aa"), TWENTY("dd") TWENTY("dd") TEN("dd"),
     "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    {"0102030405060708090a0b0c0d0e0f10111213141516171819", TWENTY("cd") TWENTY("cd") TEN("cd"),
     "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
    {LONG_KEY,
     "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b"
     "6579204669727374",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    {LONG_KEY,
     "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b2d73697a6520"
     "6b657920616e642061206c6172676572207468616e20626c6f636b2d73697a6520646174612e20546865206b6579"
     "206e6565647320746f20626520686173686564206265666f7265206265696e6720757365642062792074686520"
     "484d414320616c676f726974686d2e",
     "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
};

static unsigned char digit(char c)
{
    return (unsigned char)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static struct slice from_hex(const char *hex, char bytes[VECTOR_BYTES_MAX])
{
    size_t size = strlen(hex) / 2;

    assert_true(size <= VECTOR_BYTES_MAX);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)(digit(hex[2 * i]) * 16 + digit(hex[2 * i + 1]));
    }
    return slice_of(bytes, size);
}

static void test_proof__computes_the_vectors_of_rfc_4231(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char key[VECTOR_BYTES_MAX];
        char data[VECTOR_BYTES_MAX];
        char right[VECTOR_BYTES_MAX];
        unsigned char hmac[PROOF_BYTES];

        proof_hmac(from_hex(vectors[i].key, key), from_hex(vectors[i].data, data), hmac);
        assert_int_equal(from_hex(vectors[i].hmac, right).size, PROOF_BYTES);
        assert_memory_equal(hmac, right, PROOF_BYTES);
    }
}

static const unsigned char key[PROOF_KEY_BYTES] = "the cluster's own thirty-two byt";

static struct proof_greeting greeting(void)
{
    return (struct proof_greeting){
        .hello = slice_str("hello, I am ten"), .listener = 20, .nonce = "chance"};
}

/* Whether the proof of the dialer of greeting() is accepted by the listener of `g`. */
static bool is_taken(const struct proof_greeting *g)
{
    struct proof_greeting right = greeting();
    unsigned char proof[PROOF_BYTES];

    proof_make(key, PROOF_OF_DIALER, &right, proof);
    return proof_holds(key, PROOF_OF_DIALER, g, slice_of(proof, PROOF_BYTES));
}

static void test_proof__holds_for_its_own_greeting_alone(void **state)
{
    struct proof_greeting g = greeting();

    (void)state;
    assert_true(is_taken(&g));
    g.nonce[PROOF_NONCE_BYTES - 1] ^= 1;
    assert_false(is_taken(&g));
    g = greeting();
    g.listener++;
    assert_false(is_taken(&g));
    g = greeting();
    g.level++;
    assert_false(is_taken(&g));
    g = greeting();
    g.hello = slice_str("hello, I am two");
    assert_false(is_taken(&g));
    g.hello.size--;
    assert_false(is_taken(&g));
}

static void test_proof__of_one_role_is_not_valid_for_the_other(void **state)
{
    struct proof_greeting g = greeting();
    unsigned char proof[PROOF_BYTES];

    (void)state;
    proof_make(key, PROOF_OF_LISTENER, &g, proof);
    assert_true(proof_holds(key, PROOF_OF_LISTENER, &g, slice_of(proof, PROOF_BYTES)));
    assert_false(proof_holds(key, PROOF_OF_DIALER, &g, slice_of(proof, PROOF_BYTES)));
}

static void test_proof__of_another_key_does_not_hold(void **state)
{
    struct proof_greeting g = greeting();
    unsigned char proof[PROOF_BYTES];

    (void)state;
    for (size_t i = 0; i < PROOF_KEY_BYTES; i++) {
        unsigned char other[PROOF_KEY_BYTES];

        memcpy(other, key, sizeof other);
        other[i] ^= 0x80;
        proof_make(other, PROOF_OF_DIALER, &g, proof);
        assert_false(proof_holds(key, PROOF_OF_DIALER, &g, slice_of(proof, PROOF_BYTES)));
    }
}

static void test_proof__must_be_whole(void **state)
{
    struct proof_greeting g = greeting();
    unsigned char proof[PROOF_BYTES + 1] = {0};

    (void)state;
    proof_make(key, PROOF_OF_DIALER, &g, proof);
    for (size_t size = 0; size <= sizeof proof; size++) {
        assert_int_equal(proof_holds(key, PROOF_OF_DIALER, &g, slice_of(proof, size)),
                         size == PROOF_BYTES);
    }
    for (size_t i = 0; i < PROOF_BYTES; i++) {
        proof[i] ^= 1;
        assert_false(proof_holds(key, PROOF_OF_DIALER, &g, slice_of(proof, PROOF_BYTES)));
        proof[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_proof__computes_the_vectors_of_rfc_4231),
        cmocka_unit_test(test_proof__holds_for_its_own_greeting_alone),
        cmocka_unit_test(test_proof__of_one_role_is_not_valid_for_the_other),
        cmocka_unit_test(test_proof__of_another_key_does_not_hold),
        cmocka_unit_test(test_proof__must_be_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
