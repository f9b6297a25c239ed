/* yaml.h - YAML 1.1 text to a value, as PyYAML's SafeLoader reads it. Wraps libyaml. */
#ifndef GN_BASE_YAML_H
#define GN_BASE_YAML_H

#include "core/base/value.h"

/* Scalars by YAML 1.1's rules for plain ones (yes/no/on/off, octal 010, 0x1F,
 * 1_000, 1:30, .5, .inf); quoted ones are strings; a key that is no string is
 * its text. Anchors, aliases and << work. Every value carries its line. A
 * scalar tagged !function becomes a map {"!function": text}, for the caller to
 * refuse by name; any other foreign tag, a second document, nesting past 100
 * and an expansion of aliases past 10 MB are errors with line and column. */
gn_value *gn_yaml_parse(gn_arena *a, gn_slice text, gn_error *e);

#endif
