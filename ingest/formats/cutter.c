/* Reads the plain lines of one form straight into typed columns, in one pass over the bytes.
 *
 * Promises: a line becomes a row only when every byte of it is accounted for by the form and every value is one that the
 * careful parser would read the same way; any other line is left alone. Nothing outside the parts is read, and nothing
 * outside the arrays it is given is written: it takes no memory of its own.
 *
 * Whoever calls knows that each wanted line is ASCII or valid UTF-8, holds no control character and ends with a newline.
 * Plain C99 over ctypes: there is no reference to count, and the interpreter is free while it runs. How a form is
 * declared is in cutter.py, which has the same structures, field by field.
 */

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifndef SOURCE
#define SOURCE ""
#endif
const char eastwest_source[] = SOURCE;                      /* SHA-256 of this file: nobody loads what another one made */

enum shape { BARE, ENCLOSED, EITHER, NUMBER };              /* where a value ends */
enum parts { WHOLE, ADDRESS_PORT, REQUEST };                /* into which columns it goes */
enum kind { TEXT, DICTIONARY, INT32, INT64, REAL, SECONDS, TIME, EPOCH };  /* as what it is kept */

struct text { const uint8_t *start; int64_t length; };      /* a piece of what is read; no length where there is none */

struct column {
    int32_t kind;
    int32_t required;                                       /* a line without it is no row */
    int64_t least, most;                                    /* of numbers */
    uint8_t *valid;                                         /* a byte a row: 0 is NULL, whose value is 0 */
    void *values;                                           /* an int32, int64, double or struct text a row */
    struct text *entries;                                   /* DICTIONARY: its distinct texts, */
    uint64_t *slots;                                        /*   an open hash table of them: hash, number + 1 */
    int64_t size, count;                                    /*   with so many slots in use, and so many texts, */
    int64_t last;                                           /*   of which this is the one that came last */
    int64_t nulls, length;                                  /* how many rows are NULL; bytes of its texts */
};

struct field {
    int32_t shape, parts;
    const uint8_t *before, *after;                          /* the text around the value */
    int64_t before_length, after_length;
    struct column *columns;
};

struct form {
    uint8_t delimiter;
    uint8_t quote;                                          /* what no bare value may hold; 0: nothing */
    uint8_t may_be_empty;
    int64_t fields;
    struct field *field;
    uint64_t seed;                                          /* of hashes: nobody can write logs that collide */
};

static int is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

static int is_nothing(const uint8_t *text, int64_t length) {
    return length < 5 && (length == 0 || (length == 1 && *text == '-') || (length == 4 && !memcmp(text, "null", 4)));
}

static uint64_t eight_bytes(const uint8_t *from) {
    uint64_t word;
    memcpy(&word, from, 8);
    return word;
}

static uint32_t four_bytes(const uint8_t *from) {
    uint32_t word;
    memcpy(&word, from, 4);
    return word;
}

/* As memcmp says, without a call: most texts are short, and those that differ differ at their ends. */
static int are_same(const uint8_t *one, const uint8_t *other, int64_t length) {
    if (length < 4) {
        for (int64_t at = 0; at < length; at++)
            if (one[at] != other[at]) return 0;
        return 1;
    }
    if (length < 8)
        return four_bytes(one) == four_bytes(other) && four_bytes(one + length - 4) == four_bytes(other + length - 4);
    if (eight_bytes(one + length - 8) != eight_bytes(other + length - 8)) return 0;
    if (length > 64) return !memcmp(one, other, (size_t)length - 8);
    for (int64_t at = 0; at + 8 < length; at += 8)
        if (eight_bytes(one + at) != eight_bytes(other + at)) return 0;
    return 1;
}

static uint64_t mixed(uint64_t one, uint64_t other) {
#ifdef __SIZEOF_INT128__
    __extension__ unsigned __int128 product = (unsigned __int128)one * other;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    one ^= other;
    one = (one ^ one >> 32) * 0x9E3779B97F4A7C15u;
    return one ^ one >> 29;
#endif
}

/* Of a text that is not empty. The seeds are secret: a text that fits one of them cannot be made up. */
static uint32_t hash_of(const uint8_t *text, int64_t length, uint64_t seed) {
    uint64_t hash = seed ^ (uint64_t)length, salt = seed >> 7 | 1;
    uint64_t first, last;
    if (length >= 8) {
        for (int64_t at = 0; at + 16 < length; at += 16)
            hash = mixed(eight_bytes(text + at) ^ salt, eight_bytes(text + at + 8) ^ hash);
        first = eight_bytes(text + (length > 16 ? length - 16 : 0));
        last = eight_bytes(text + length - 8);
    } else if (length >= 4) {
        first = four_bytes(text);
        last = four_bytes(text + length - 4);
    } else {
        first = text[0];
        last = (uint64_t)text[length / 2] << 8 | text[length - 1];
    }
    hash = mixed(first ^ salt, last ^ hash);
    return (uint32_t)(mixed(hash, 0x9E3779B97F4A7C15u) >> 16);
}

enum { FIRST_SLOTS = 256 };

static void clear(struct column *column, int64_t size) {
    column->size = size;
    memset(column->slots, 0, (size_t)size * sizeof *column->slots);
}

/* Where a hash is in the table, or would be: the first slot from `at` on that has it or is free. */
static int64_t slot_of(const struct column *column, uint32_t hash, int64_t at) {
    for (at &= column->size - 1; column->slots[at]; at = (at + 1) & (column->size - 1))
        if (column->slots[at] >> 32 == hash) break;
    return at;
}

static void grow(struct column *column, uint64_t seed) {
    clear(column, 2 * column->size);
    for (int64_t entry = 0; entry < column->count; entry++) {
        struct text text = column->entries[entry];
        uint32_t hash = hash_of(text.start, text.length, seed);
        int64_t at = slot_of(column, hash, hash);
        while (column->slots[at]) at = slot_of(column, hash, at + 1);
        column->slots[at] = (uint64_t)hash << 32 | (uint64_t)(entry + 1);
    }
}

static int is_entry(const struct column *column, int64_t entry, struct text text) {
    struct text known = column->entries[entry];
    return known.length == text.length && are_same(known.start, text.start, text.length);
}

/* The number of a text in the column's dictionary, which it joins if it is new. */
static int32_t number_of(struct column *column, struct text text, uint64_t seed) {
    if (column->count && is_entry(column, column->last, text)) return (int32_t)column->last;
    uint32_t hash = hash_of(text.start, text.length, seed);
    int64_t at = slot_of(column, hash, hash);
    for (; column->slots[at]; at = slot_of(column, hash, at + 1)) {
        int64_t entry = (int64_t)(uint32_t)column->slots[at] - 1;
        if (!is_entry(column, entry, text)) continue;
        column->last = entry;
        return (int32_t)entry;
    }
    column->last = column->count++;
    column->entries[column->last] = text;
    column->slots[at] = (uint64_t)hash << 32 | (uint64_t)column->count;
    if (2 * column->count > column->size) grow(column, seed);
    return (int32_t)column->last;
}

/* At most 18 digits, so that no number overflows; NULL where there is none. */
static const uint8_t *digits(const uint8_t *at, const uint8_t *end, int64_t *value) {
    const uint8_t *begin = at;
    int64_t number = 0;
    while (at < end && is_digit(*at)) {
        if (at - begin == 18) return NULL;
        number = 10 * number + (*at++ - '0');
    }
    *value = number;
    return at > begin ? at : NULL;
}

static int whole_number(const uint8_t *at, const uint8_t *end, int64_t *value) {
    int negative = at < end && *at == '-';
    if (digits(at + negative, end, value) != end) return 0;
    if (negative) *value = -*value;
    return 1;
}

/* Of at most 15 digits: these and the power of ten are exact, so their quotient is the nearest number there is. */
static int decimal_number(const uint8_t *at, const uint8_t *end, double *value) {
    static const double POWERS[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    int negative = at < end && *at == '-';
    int64_t number = 0, decimals = 0, count = 0;
    at += negative;
    if (at == end || !is_digit(*at)) return 0;
    for (int behind = 0; at < end; at++) {
        if (is_digit(*at)) {
            if (++count > 15) return 0;
            number = 10 * number + (*at - '0');
            decimals += behind;
        } else if (*at != '.' || behind++ || at + 1 == end) {
            return 0;
        }
    }
    *value = (double)number / POWERS[decimals];
    if (negative) *value = -*value;
    return 1;
}

static int two_digits(const uint8_t *at, int *value) {
    *value = 10 * (at[0] - '0') + (at[1] - '0');
    return is_digit(at[0]) && is_digit(at[1]);
}

static int64_t days_since_1970(int year, int month, int day) {
    /* Years begin in March, so that the leap day is a year's last. */
    int shifted = year - (month <= 2), month_from_march = (month + 9) % 12;
    int64_t era = shifted / 400, of_era = shifted % 400;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719468;
}

/* 2026-01-31T23:59:59Z with at most nine decimals, of which six are kept, as microseconds since 1970. */
static int iso_time(const uint8_t *at, const uint8_t *end, int64_t *value) {
    static const int DAYS[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int century, year, month, day, hour, minute, second;
    if (end - at < 20 || end[-1] != 'Z' || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':')
        return 0;
    if (!(two_digits(at, &century) & two_digits(at + 2, &year) & two_digits(at + 5, &month) & two_digits(at + 8, &day)
          & two_digits(at + 11, &hour) & two_digits(at + 14, &minute) & two_digits(at + 17, &second)))
        return 0;
    year += 100 * century;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > DAYS[month - 1] || hour > 23 || minute > 59 || second > 59)
        return 0;
    if (month == 2 && day == 29 && (year % 4 || (year % 100 == 0 && year % 400))) return 0;
    int64_t micros = 0;
    if (end - at > 20) {
        int64_t decimals = end - at - 21;
        if (at[19] != '.' || decimals < 1 || decimals > 9) return 0;
        for (int64_t i = 0; i < 9; i++) {
            if (i < decimals && !is_digit(at[20 + i])) return 0;
            if (i < 6) micros = 10 * micros + (i < decimals ? at[20 + i] - '0' : 0);
        }
    }
    int64_t seconds = 86400 * days_since_1970(year, month, day) + 3600 * hour + 60 * minute + second;
    *value = 1000000 * seconds + micros;
    return 1;
}

static void keep_nothing(struct column *column, int64_t row) {
    static const int64_t SIZES[] = {[TEXT] = 16, [DICTIONARY] = 4, [INT32] = 4, [INT64] = 8, [REAL] = 8, [SECONDS] = 8,
                                    [TIME] = 8, [EPOCH] = 8};
    column->valid[row] = 0;
    memset((uint8_t *)column->values + SIZES[column->kind] * row, 0, (size_t)SIZES[column->kind]);
}

/* Keep a value in a column; 0 when it is none that is known to be read so. `valid` is 1 until it is NULL. */
static int keep(struct column *column, const uint8_t *text, int64_t length, int64_t row, uint64_t seed) {
    const uint8_t *end = text + length;
    int64_t number = 0;
    double real = 0;
    if (is_nothing(text, length)) {
        keep_nothing(column, row);
        return !column->required;
    }
    switch (column->kind) {
    case TEXT:
        ((struct text *)column->values)[row] = (struct text){text, length};
        break;
    case DICTIONARY:
        ((int32_t *)column->values)[row] = number_of(column, (struct text){text, length}, seed);
        break;
    case INT32: case INT64: case EPOCH:
        if (!whole_number(text, end, &number) || number < column->least || number > column->most) return 0;
        if (column->kind == INT32) ((int32_t *)column->values)[row] = (int32_t)number;
        else if (column->kind == INT64) ((int64_t *)column->values)[row] = number;
        /* More than that many seconds are milliseconds: kinds.MILLISECONDS_ABOVE. */
        else ((int64_t *)column->values)[row] = number * (number > 100000000000 ? 1000 : 1000000);
        break;
    case REAL: case SECONDS:
        if (!decimal_number(text, end, &real)) return 0;
        if (column->kind == SECONDS && real == -1) keep_nothing(column, row);
        else ((double *)column->values)[row] = real;
        break;
    case TIME:
        if (!iso_time(text, end, &number)) return 0;
        ((int64_t *)column->values)[row] = number;
        break;
    default:
        return 0;
    }
    return 1;
}

static int is_of_address(uint8_t byte) {
    return (uint8_t)(byte - '0') <= ':' - '0' || byte == '.' || (uint8_t)((byte | 32) - 'a') < 6;
}

static int keep_address_port(struct column *columns, const uint8_t *text, int64_t length, int64_t row, uint64_t seed) {
    int64_t colon = length - 1;
    if (is_nothing(text, length))
        return keep(&columns[0], text, length, row, seed) && keep(&columns[1], text, length, row, seed);
    while (colon > 0 && text[colon] != ':') colon--;
    if (colon < 1 || length - colon - 1 < 1 || length - colon - 1 > 5 || !is_digit(text[colon + 1])) return 0;
    for (int64_t i = 0; i < colon; i++)
        if (!is_of_address(text[i])) return 0;
    return keep(&columns[0], text, colon, row, seed)
        && keep(&columns[1], text + colon + 1, length - colon - 1, row, seed);
}

/* Method, URL and protocol, between which stand two spaces; there are no others. */
static int keep_request(struct column *columns, const uint8_t *text, int64_t length, int64_t row, uint64_t seed) {
    int64_t spaces[2] = {0, 0}, count = 0;
    if (is_nothing(text, length)) {
        for (int i = 0; i < 3; i++)
            if (!keep(&columns[i], text, length, row, seed)) return 0;
        return 1;
    }
    for (int64_t i = 0; i < length; i++) {
        if (text[i] != ' ') continue;
        if (count == 2) return 0;
        spaces[count++] = i;
    }
    if (count != 2 || spaces[1] + 1 == length) return 0;
    return keep(&columns[0], text, spaces[0], row, seed)
        && keep(&columns[1], text + spaces[0] + 1, spaces[1] - spaces[0] - 1, row, seed)
        && keep(&columns[2], text + spaces[1] + 1, length - spaces[1] - 1, row, seed);
}

/* As memchr says, without a call for most values, which are short. */
static const uint8_t *first_of(const uint8_t *at, const uint8_t *end, uint8_t byte) {
#if defined(__SSE2__) && defined(__GNUC__)
    for (int i = 0; i < 2 && end - at >= 16; i++, at += 16) {
        __m128i all = _mm_loadu_si128((const __m128i *)(const void *)at);
        int found = _mm_movemask_epi8(_mm_cmpeq_epi8(all, _mm_set1_epi8((char)byte)));
        if (found) return at + __builtin_ctz((unsigned)found);
    }
#endif
    return memchr(at, byte, (size_t)(end - at));
}

/* Where a value ends that begins at `at`; NULL when it is not written as the field's shape says. */
static const uint8_t *end_of(const uint8_t *at, const uint8_t *end, int32_t shape, const struct form *form) {
    const uint8_t *begin = at;
    if (shape == ENCLOSED) return first_of(at, end, '"');
    if (shape == NUMBER) {
        while (at < end && is_digit(*at)) at++;
        return at == begin || at - begin > 18 || (*begin == '0' && at - begin > 1) ? NULL : at;
    }
    const uint8_t *found = first_of(at, end, form->delimiter);
    if (!found) found = end;
    if (found == begin && !form->may_be_empty) return NULL;
    return form->quote && memchr(begin, form->quote, (size_t)(found - begin)) ? NULL : found;
}

static int starts_with(const uint8_t *at, const uint8_t *end, const uint8_t *text, int64_t length) {
    return end - at >= length && are_same(at, text, length);
}

static int keep_parts(const struct field *field, const uint8_t *text, int64_t length, int64_t row, uint64_t seed) {
    switch (field->parts) {
    case ADDRESS_PORT: return keep_address_port(field->columns, text, length, row, seed);
    case REQUEST: return keep_request(field->columns, text, length, row, seed);
    default: return keep(field->columns, text, length, row, seed);
    }
}

/* Of a field whose value may be in quotes, one that says whether it is. */
static struct field as_written(const struct field *either, const uint8_t *at, const uint8_t *end) {
    static const uint8_t QUOTE[] = "\"";
    struct field written = *either;
    written.shape = at < end && *at == '"' ? ENCLOSED : BARE;
    written.before = written.after = QUOTE;
    written.before_length = written.after_length = written.shape == ENCLOSED;
    return written;
}

static int read_line(struct form *form, const uint8_t *at, const uint8_t *end, int64_t row) {
    struct field written;
    for (int64_t i = 0; i < form->fields; i++) {
        const struct field *field = &form->field[i];
        if (field->shape == EITHER) {
            written = as_written(field, at, end);
            field = &written;
        }
        if (!starts_with(at, end, field->before, field->before_length)) return 0;
        at += field->before_length;
        const uint8_t *value_end = end_of(at, end, field->shape, form);
        if (!value_end || !starts_with(value_end, end, field->after, field->after_length)) return 0;
        if (!keep_parts(field, at, value_end - at, row, form->seed)) return 0;
        at = value_end + field->after_length;
        if (i + 1 < form->fields) {
            if (at == end || *at != form->delimiter) return 0;
            at++;
        }
    }
    return at == end;
}

/* How many of a column's rows are NULL, and how long its texts are together. */
static void measure(struct column *column, int64_t rows) {
    const struct text *texts = column->kind == TEXT ? column->values : column->entries;
    int64_t count = column->kind == TEXT ? rows : column->kind == DICTIONARY ? column->count : 0;
    column->nulls = rows;
    column->length = 0;
    for (int64_t i = 0; i < rows; i++) column->nulls -= column->valid[i];
    for (int64_t i = 0; i < count; i++) column->length += texts[i].length;
}

/* Rows of the wanted ones of `count` lines, which lie back to back in parts of whole lines: `ends` are the offsets behind
 * their newlines, `part_ends` those behind the parts. How many rows there are. `at` gets the line of each. All arrays have room for `room` rows, as many as lines are wanted, and nothing in them as
 * given means anything; slots are a power of two, at least twice as many and FIRST_SLOTS. */
int64_t eastwest_read(const uint8_t *const *parts, const int64_t *part_ends, const int64_t *ends, const uint8_t *wanted,
                      int64_t count, struct form *form, int64_t columns, struct column *column, int64_t room, int64_t *at) {
    int64_t rows = 0, part = 0, begin = 0;
    for (int64_t i = 0; i < columns; i++) {
        column[i].count = 0;
        memset(column[i].valid, 1, (size_t)room);
        if (column[i].kind == DICTIONARY) clear(&column[i], FIRST_SLOTS);
    }
    for (int64_t i = 0; i < count; i++) {
        int64_t start = i ? ends[i - 1] : 0;
        if (!wanted[i]) continue;
        while (start >= part_ends[part]) begin = part_ends[part++];
        const uint8_t *line = parts[part] + (start - begin);
        if (read_line(form, line, line + (ends[i] - 1 - start), rows)) at[rows++] = i;
        else for (int64_t c = 0; c < columns; c++) column[c].valid[rows] = 1;
    }
    for (int64_t i = 0; i < columns; i++) measure(&column[i], rows);
    return rows;
}

/* Texts back to back, as Arrow keeps them; `offsets` has room for one more than there are texts. */
static void pack(const struct text *texts, int64_t count, int32_t *offsets, uint8_t *packed) {
    int64_t length = 0;
    for (int64_t i = 0; i < count; i++) {
        offsets[i] = (int32_t)length;
        if (texts[i].length) memcpy(packed + length, texts[i].start, (size_t)texts[i].length);
        length += texts[i].length;
    }
    offsets[count] = (int32_t)length;
}

/* The texts of those columns that have any, each at its place in `into`: their offsets, and the texts themselves. */
void eastwest_pack(int64_t columns, const struct column *column, int64_t rows, uint8_t *into, const int64_t *offsets,
                   const int64_t *texts) {
    for (int64_t i = 0; i < columns; i++) {
        int32_t *to = (int32_t *)(void *)(into + offsets[i]);
        if (column[i].kind == TEXT) pack(column[i].values, rows, to, into + texts[i]);
        if (column[i].kind == DICTIONARY) pack(column[i].entries, column[i].count, to, into + texts[i]);
    }
}

/* A bit for each of sixty-four bytes: set where it is a control, `}`, `~`, DEL, above ASCII or a backslash. */
static uint64_t sixty_four(const uint8_t *bytes) {
    uint64_t bits = 0;
#ifdef __SSE2__
    __m128i found[4];
    for (int i = 0; i < 4; i++) {
        __m128i all = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 16 * i));
        /* Signed, what is above ASCII is below zero, and thus below a space. */
        __m128i low = _mm_cmplt_epi8(all, _mm_set1_epi8(' ')), high = _mm_cmpgt_epi8(all, _mm_set1_epi8('|'));
        found[i] = _mm_or_si128(_mm_or_si128(low, high), _mm_cmpeq_epi8(all, _mm_set1_epi8('\\')));
    }
    __m128i any = _mm_or_si128(_mm_or_si128(found[0], found[1]), _mm_or_si128(found[2], found[3]));
    if (!_mm_movemask_epi8(any)) return 0;
    for (int i = 0; i < 4; i++) bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(found[i]) << 16 * i;
#else
    for (int i = 0; i < 64; i++) bits |= (uint64_t)((uint8_t)(bytes[i] - ' ') > '|' - ' ' || bytes[i] == '\\') << i;
#endif
    return bits;
}

/* Offsets of the controls: how many there are, of which at most `room` are written. `told` has a bit set for each thing of
 * scan.Marks that is so of the text: 1 not ASCII, 2 controls that are no newline, 4 objects joined on one line, 8 a
 * backslash. */
int64_t eastwest_marks(const uint8_t *data, int64_t length, int64_t *at, int64_t room, uint8_t *told) {
    int64_t count = 0;
    *told = 0;
    for (int64_t begin = 0; begin < length; begin += 64) {
        uint8_t last[64];
        int64_t left = length - begin;
        if (left < 64) {
            memset(last, ' ', 64);
            memcpy(last, data + begin, (size_t)left);
        }
        uint64_t bits = sixty_four(left < 64 ? last : data + begin);
        for (int64_t i = begin; bits; i++, bits >>= 1) {
#ifdef __GNUC__
            int next_bit = __builtin_ctzll(bits);
            bits >>= next_bit;
            i += next_bit;
#endif
            if (!(bits & 1)) continue;
            uint8_t byte = data[i];
            if (byte > 127) {
                *told |= 1;
            } else if (byte < ' ') {
                if (byte != '\n') *told |= 2;
                if (count < room) at[count] = i;
                count++;
            } else if (byte == '}') {
                int64_t next = i + 1;
                if (next < length && (data[next] == ' ' || data[next] == '\t')) next++;
                if (next < length && data[next] == '{') *told |= 4;
            } else if (byte == '\\') {
                *told |= 8;
            }
        }
    }
    return count;
}

/* Where in the bytes, from `from` on, something begins that may be another member of a gzip stream: its magic number and
 * method, flags that there are, five bytes and the extra flags of a usual compressor; -1 without one. */
int64_t eastwest_member(const uint8_t *data, int64_t length, int64_t from) {
    if (length - from < 9) return -1;
    const uint8_t *at = data + from, *end = data + length - 8;
    while (at < end && (at = memchr(at, 0x1f, (size_t)(end - at)))) {
        if (at[1] == 0x8b && at[2] == 8 && at[3] < 32 && (at[8] == 0 || at[8] == 2 || at[8] == 4)) return at - data;
        at++;
    }
    return -1;
}
