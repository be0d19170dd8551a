#include "client/notify.h"

#include <string.h>

/* A place for each: those of A first. */
static const char letters[] = "g$lshzxetdKEmn";

enum { ALL_COUNT = 10 }; /* The letters that A stands for. */

static notify_set set_of(char letter)
{
    const char *at = letter == '\0' ? NULL : strchr(letters, letter);

    return at == NULL ? 0 : (notify_set)1 << (at - letters);
}

static notify_set set_of_all(void)
{
    return ((notify_set)1 << ALL_COUNT) - 1;
}

bool notify_read(struct slice text, notify_set *ret_set)
{
    notify_set set = 0;

    for (size_t i = 0; i < text.size; i++) {
        notify_set more = text.data[i] == 'A' ? set_of_all() : set_of(text.data[i]);

        if (more == 0) {
            return false;
        }
        set |= more;
    }
    *ret_set = set;
    return true;
}

void notify_write(notify_set set, char text[NOTIFY_TEXT_BYTES])
{
    bool has_all = (set & set_of_all()) == set_of_all();
    size_t used = 0;

    if (has_all) {
        text[used++] = 'A';
    }
    for (const char *letter = has_all ? letters + ALL_COUNT : letters; *letter != '\0'; letter++) {
        if ((set & set_of(*letter)) != 0) {
            text[used++] = *letter;
        }
    }
    text[used] = '\0';
}

bool notify_by_key(notify_set set)
{
    return (set & set_of('K')) != 0;
}

bool notify_by_event(notify_set set)
{
    return (set & set_of('E')) != 0;
}

bool notify_is_on(notify_set set)
{
    return (notify_by_key(set) || notify_by_event(set)) &&
           (set & ~(set_of('K') | set_of('E'))) != 0;
}

bool notify_has(notify_set set, enum event_class class)
{
    static const struct {
        enum event_class class;
        char letter;
    } classes[] = {{EVENT_GENERIC, 'g'},
                   {EVENT_STRING, '$'},
                   {EVENT_HASH, 'h'},
                   {EVENT_EXPIRED, 'x'},
                   {EVENT_NEW, 'n'}};

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        if (classes[i].class == class) {
            return (set & set_of(classes[i].letter)) != 0;
        }
    }
    return false;
}
