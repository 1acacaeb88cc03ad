/*
 * names: finds the place of a name among a fleet's. Open addressing, FNV-1a.
 */
#include "controller/core/names.h"

#include <assert.h>
#include <string.h>

#include "common/core/text.h"

_Static_assert(FLEET_MAX < UINT16_MAX, "a slot holds a place");
_Static_assert((NAMES_SLOTS & (NAMES_SLOTS - 1)) == 0, "slots are counted by a mask");

static uint32_t first_slot(const char *name)
{
    uint32_t hash = 2166136261U;

    for (; *name != '\0'; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619U;
    return hash & (NAMES_SLOTS - 1);
}

static void put_slot(struct names *names, uint32_t place)
{
    uint32_t slot = first_slot(names->list[place]);

    while (names->slots[slot] != 0)
        slot = (slot + 1) & (NAMES_SLOTS - 1);
    names->slots[slot] = (uint16_t)(place + 1);
}

uint32_t names_find(const struct names *names, const char *name)
{
    uint32_t slot = first_slot(name);

    while (names->slots[slot] != 0) {
        uint32_t place = names->slots[slot] - 1U;

        if (text_equal(names->list[place], name))
            return place;
        slot = (slot + 1) & (NAMES_SLOTS - 1);
    }
    return NAMES_NONE;
}

uint32_t names_add(struct names *names, const char *name)
{
    uint32_t place = names->count++;

    assert(place < FLEET_MAX);
    text_copy(names->list[place], NAME_SIZE, name);
    put_slot(names, place);
    return place;
}

void names_replace(struct names *names, uint32_t place, const char *name)
{
    text_copy(names->list[place], NAME_SIZE, name);
    memset(names->slots, 0, sizeof(names->slots));
    for (uint32_t i = 0; i < names->count; i++)
        put_slot(names, i);
}

void names_clear(struct names *names)
{
    names->count = 0;
    memset(names->slots, 0, sizeof(names->slots));
}
