/* alphabet.h - the byte alphabet of byte-level BPE (GPT-2): every byte is a printable character.
 *
 * Bytes that print in Latin-1 stand for themselves; the other 68, in order,
 * take the code points from U+0100 on, so a space is U+0120 and a line feed U+010A.
 */
#ifndef GN_TEXT_ALPHABET_H
#define GN_TEXT_ALPHABET_H

#include <stddef.h>
#include <stdint.h>

static inline int32_t gn_alphabet_char(uint8_t byte) {
    if (byte <= 0x20)
        return 0x100 + byte;
    if (byte >= 0x7F && byte <= 0xA0)
        return 0x121 + (byte - 0x7F);
    return byte == 0xAD ? 0x143 : byte;
}

/* The byte a character stands for; -1 if it is none of the 256. */
static inline int gn_alphabet_byte(int32_t cp) {
    if (cp >= 0x100 && cp <= 0x120)
        return cp - 0x100;
    if (cp >= 0x121 && cp <= 0x142)
        return cp - 0x121 + 0x7F;
    if (cp == 0x143)
        return 0xAD;
    return cp > 0x20 && cp <= 0xFF && !(cp >= 0x7F && cp <= 0xA0) && cp != 0xAD ? cp : -1;
}

/* The UTF-8 of gn_alphabet_char(byte): one or two bytes, returned as their number. */
static inline size_t gn_alphabet_put(char *out, uint8_t byte) {
    const int32_t cp = gn_alphabet_char(byte);
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    out[0] = (char)(0xC0 | cp >> 6);
    out[1] = (char)(0x80 | (cp & 0x3F));
    return 2;
}

#endif
