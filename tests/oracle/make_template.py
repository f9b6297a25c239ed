"""make_template.py - what jinja2 makes of some thousand templates.

    pip install jinja2==3.1.6 transformers==5.24.0
    python tests/oracle/make_template.py

writes tests/oracle/template_chats.jsonl (conversations under the templates of
tests/oracle/templates) and tests/oracle/template_cases.jsonl (single expressions
and statements). The chat environment is the one transformers compiles chat
templates in; the task environment is lm-evaluation-harness's: StrictUndefined,
keep_trailing_newline, the filter regex_replace.

template_cases.jsonl: first the variables, then [environment, template, output].
Environments: "c" chat, "t" task, "b" both alike. Where jinja2 fails the output is
null, and behind it stand what failed ("parse" or "run") and, for some, the line and
a word that must stand in the message. A case whose output holds an address, or
whose integers leave 64 bits, is no case.
    python tests/oracle/make_template.py --random SEED COUNT
prints that many random cases instead, for a longer comparison.
"""

import ast
import itertools
import json
import random
import re
import sys

import jinja2
from transformers.utils.chat_template_utils import _compile_jinja_template

HERE = "tests/oracle/"

TASK = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)


def regex_replace(string, pattern, repl, count=0):
    return re.sub(pattern, repl, string, count=count)


TASK.filters["regex_replace"] = regex_replace

VARS = {
    "t": "Hello, World",
    "u": "  ünï çødé ß ☃ ǆ 𝔘  ",
    "e": "",
    "q": "it's <b>\"x\" & y</b>",
    "lines": "one\n  two\r\n\nthree\n",
    "n": 7,
    "m": -3,
    "z": 0,
    "big": 9007199254740993,
    "f": 2.5,
    "g": -0.1,
    "h": 1e22,
    "yes": True,
    "no": False,
    "nil": None,
    "xs": [3, 1, 2],
    "ys": ["b", "A", "c", "a"],
    "mix": [1, "a", None, 2.5, [1], {"k": 1}],
    "ms": [
        {"role": "system", "n": 1, "who": {"name": "Ann"}},
        {"role": "user", "n": 3, "who": {"name": "bob"}},
        {"role": "User", "n": 2, "who": {"name": "Cy"}},
        {"role": "user", "n": 1, "who": {"name": "dee"}, "extra": True},
    ],
    "d": {"b": 1, "a": "x", "C": [1, 2], "items": "an item", "0": "zero"},
    "p": [["a", 1], ["b", 2]],
    "nest": {"a": {"b": [10, {"c": "deep"}]}},
}


# Addresses, classes, lone surrogates, complex numbers, keys that gneiss does not take.
NO_CASE = "(?i)0x[0-9a-f]{6,}|sync_do|<class|[\ud800-\udfff]|[0-9]j\\)|{(Undefined|range|Markup)"


def too_wide(text):
    return any(abs(int(x)) >= 2**63 for x in re.findall(r"-?\d{18,}", text))


def line_of(error):
    if isinstance(error, jinja2.TemplateSyntaxError):
        return error.lineno
    line, tb = None, error.__traceback__
    while tb:
        if "template" in tb.tb_frame.f_code.co_filename and "site-packages" not in tb.tb_frame.f_code.co_filename:
            line = tb.tb_lineno
        tb = tb.tb_next
    return line


def ask(env, template, variables=VARS):
    """output, or None, stage, line, error"""
    try:
        compiled = _compile_jinja_template(template) if env == "c" else TASK.from_string(template)
    except (jinja2.TemplateError, SyntaxError) as error:
        return None, "parse", line_of(error), error
    except TypeError as error:  # from folding what is constant
        return None, "run", 1, error
    try:
        return compiled.render(**json.loads(json.dumps(variables))), None, None, None
    except RecursionError:
        raise
    except Exception as error:
        return None, "run", line_of(error), error


class Cases:
    def __init__(self):
        self.rows, self.seen = [], set()

    def add(self, template, envs="ct", line=None, word=None):
        """line: check the error's line; word: a word of its message."""
        results = {}
        for env in envs:
            output, stage, at, error = ask(env, template)
            if output is not None and (too_wide(output) or re.search(NO_CASE, output)):
                continue
            if error is not None and ("too large" in str(error) or "limit" in str(error)):
                continue
            row = [template, output] if output is not None else [template, None, stage]
            if output is None and (line or word):
                row.append(at if line else 0)
                if word:
                    assert word in str(error), (template, word, error)
                    row.append(word)
            results[env] = row
        if len(results) == 2 and results["c"] == results["t"]:
            results = {"b": results["c"]}
        for env, row in results.items():
            key = (env, template)
            if key not in self.seen:
                self.seen.add(key)
                self.rows.append([env] + row)

    def write(self, out):
        out.write(json.dumps(VARS, ensure_ascii=False) + "\n")
        for row in self.rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


# ---- single cases ------------------------------------------------------------

SCALARS = ["t", "u", "e", "q", "lines", "n", "m", "f", "g", "h", "yes", "nil", "missing", "xs", "ys", "mix", "ms", "d",
           "p", "(1, 'a')", "range(4)", "d.items()", "'12'", "' -7.9 '", "xs|map('string')", "namespace(a=1)"]
OPERANDS = ["n", "m", "z", "f", "g", "yes", "nil", "t", "e", "xs", "(1, 2)", "d", "missing", "'<a>'|safe"]
FILTERS = """abs attr('upper') attr('b') attr(nil) batch(2)|list batch(2,'-')|list batch(0)|list capitalize center(9) center
count default('D') default('D',true) d d(boolean=true) dictsort dictsort(true) dictsort(false,'value') dictsort(reverse=true)
dictsort(by='x') e escape first float float(1.5) float(default='no') forceescape format(1) format(1,'b')
groupby('role') groupby(0) groupby('n',default=9)|map('first')|list indent indent(2,true) indent('>',blank=true) indent(first=true,width=1)
int int(5) int(base=16) int(0,2) items|list join join('-') join(', ',attribute='role') join(attribute=0) last length list lower
map('upper')|list map(attribute='role')|list map(attribute='who.name',default='?')|list map('nosuch')|list map|list map(attribute='x',y=1)|list
max max(attribute='n') max(true) min min(attribute='n') min(case_sensitive=true) reject|list reject('string')|list
rejectattr('extra')|list rejectattr('n','gt',1)|list replace('l','L') replace('l','L',1) replace('','-') replace(1,2) replace('a')
reverse|list reverse round round(1) round(-1) round(1,'ceil') round(1,'floor') round(method='x') safe select|list select('odd')|list
select('defined')|list select('nosuch')|list selectattr('extra')|list selectattr('role','equalto','user')|list
selectattr('who.name','in',['Ann','dee'])|map(attribute='n')|list slice(2)|list slice(3,'x')|list slice(0)|list sort sort(true)
sort(attribute='n')|map(attribute='n')|list sort(attribute='role,n',reverse=true)|map(attribute='n')|list sort(case_sensitive=true) string
sum sum(attribute='n') sum(start=10) sum('n',1) sum(start='') title tojson tojson(indent=2) trim trim('H') truncate(8) truncate(5,true)
truncate(9,false,'..',0) truncate(1) unique|list unique(true)|list unique(attribute='role')|map(attribute='n')|list upper urlencode
wordcount wordwrap(5) wordwrap(7,false) wordwrap(6,true,'|') items|first length() string|length xs|nosuch""".split()
TESTS = """odd even divisibleby(2) divisibleby(0) defined undefined filter test none boolean false true integer float lower upper string
mapping number sequence iterable callable sameas(n) sameas(nil) escaped in(xs) in('Hello') in(n) eq(7) equalto('a') ==(7) ne(7) gt(2)
greaterthan(2) ge(2) lt(2) lessthan(2) le(2) nosuch none(1) odd(2)""".split()
TESTS.remove("==(7)")
METHODS = """upper() lower() title() capitalize() swapcase() strip() lstrip() rstrip() strip('H ') strip(none) rstrip('d!') lstrip('He')
split() split(',') split('l') split('l',1) split(none,1) split(sep='o') split(maxsplit=1) split('') rsplit('l',1) rsplit(none,1) rsplit()
splitlines() splitlines(true) splitlines(keepends=true) startswith('He') startswith(('x','He')) startswith('e',1) startswith('H',-5)
endswith('ld') endswith('l',0,4) endswith(()) endswith(1) replace('l','L') replace('l','') replace('l','L',1) replace('','.') replace('o','0',0)
find('o') find('o',5) find('o',5,6) find('') find('',99) rfind('o') rfind('z') index('W') index('z') rindex('l') count('l') count('')
count('l',3,5) join(['a','b']) join('abc') join([1]) join(xs|map('string')) format(1) isdigit() isalpha() isalnum() isspace() isupper()
islower() istitle() isdecimal() isascii() zfill(15) zfill(2) center(20) center(21,'*') ljust(16,'.') rjust(16) partition(', ') rpartition('l')
partition('z') rpartition('z') partition('') removeprefix('Hello') removesuffix('World') expandtabs() expandtabs(2) nosuch() nosuch upper
upper(1) format_map(d) encode""".split()
TEXTS = ["t", "u", "e", "lines", "'  a  b\\tc '", "'123'", "'x²'", "'ß'", "'-12'"]
STATEMENTS = r"""
{% if n > 3 %}big{% elif n > 1 %}mid{% else %}small{% endif %}
{% if missing %}a{% else %}b{% endif %}
{% if missing is defined %}a{% else %}b{% endif %}
{% if not n %}a{% elif nil %}b{% endif %}|
{% if n %}{% set v = 1 %}{% endif %}{{ v }}
{% if z %}{% set v = 1 %}{% endif %}{{ v is defined }}
{% for x in xs %}{{ x }},{% endfor %}
{% for x in xs %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }};{% endfor %}
{% for x in xs %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}
{% for x in xs %}{{ loop.previtem is defined }}<{{ x }}>{{ loop.nextitem|default('-') }} {% endfor %}
{% for x in [] %}a{% else %}none{% endfor %}
{% for x in missing %}a{% else %}none{% endfor %}
{% for x in nil %}a{% endfor %}
{% for x in n %}a{% endfor %}
{% for c in 'aé☃' %}{{ c }}.{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for k in d %}{{ k }} {% endfor %}
{% for k, v in p %}{{ k }}{{ v }}{% endfor %}
{% for a, b in xs %}x{% endfor %}
{% for a, b in [[1,2,3]] %}x{% endfor %}
{% for a, (b, c) in [[1,[2,3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for x in xs if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }}{{ loop.last }} {% endfor %}
{% for x in xs if x > 9 %}{{ x }}{% else %}nobody{% endfor %}
{% for x in xs if x > 1 %}{{ loop.nextitem|default('end') }}{{ loop.previtem|default('start') }} {% endfor %}
{% for x in xs if loop %}{{ x }}{% endfor %}
{% for x in xs %}{% for y in xs if y < loop.index %}{{ y }}{% endfor %};{% endfor %}
{% set v = 0 %}{% for x in xs %}{% set v = v + x %}{{ v }} {% endfor %}{{ v }}
{% set ns = namespace(v=0) %}{% for x in xs %}{% set ns.v = ns.v + x %}{% endfor %}{{ ns.v }}
{% set ns = namespace(f=true) %}{% for x in xs if ns.f %}{{ x }}{% set ns.f = false %}{% endfor %}
{% for x in xs %}{% if v is defined %}{{ v }}{% endif %}{% set v = x %}{% endfor %}
{% for x in xs %}{{ x }}{% if loop.first %}{% break %}{% endif %}{% endfor %}
{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% else %}e{% endfor %}
{% for x in xs %}{% break %}{% else %}e{% endfor %}
{% break %}
{% for x in xs %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}
{% for x in xs %}{% else %}{% break %}{% endfor %}
{% for x in xs recursive %}{{ x }}{% endfor %}
{% for x in [[1,[2,[3]]],4] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}@{{ loop.depth }}{{ loop.depth0 }}{% endif %}{% endfor %}
{% for x in xs %}{{ loop(xs) }}{% endfor %}
{% for x in xs %}{{ loop.cycle('a','b') }}{% endfor %}
{% for x in [1,1,2,2,1] %}{{ loop.changed(x) }} {% endfor %}
{% for x in xs %}{{ loop.cycle() }}{% endfor %}
{% for x in xs %}{{ loop }}{% endfor %}
{% for loop in xs %}{% endfor %}
{% for x in xs %}{% set loop = 1 %}{% endfor %}
{% for x in xs %}{% for y in ys %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}
{% for x in xs|map('string') %}{{ loop.length }}{{ x }}{% endfor %}
{% set g = xs|map('string') %}{{ g|first }}{{ g|list }}{{ g|list }}
{% set g = xs|select %}{% for x in g %}{% break %}{% endfor %}{{ g|list }}
{% set g = xs|select %}{{ 1 in g }}{{ g|list }}
{% set a = 1 %}{% set b, c = 2, 3 %}{{ a }}{{ b }}{{ c }}
{% set a, b = 1 %}
{% set a, b = [1] %}
{% set a = 1, 2 %}{{ a }}
{% set a = (1,) %}{{ a }}
{% set x = y = 1 %}
{% set n.x = 1 %}
{% set missing.x = 1 %}
{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a + ns.b }}{{ ns['a'] }}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns.c }}
{% set ns = namespace({'a': 1}) %}{{ ns.c is defined }}{{ ns }}
{% set ns = namespace(_a=1) %}{{ ns._a }}
{% set ns = namespace() %}{% set ns._a = 1 %}{{ ns._a }}
{% set ns = namespace(1) %}
{% set ns = namespace(self=1) %}{{ ns.self }}
{% set a %}x{{ n }}y{% endset %}{{ a }}{{ a|length }}
{% set a | upper %}x{{ n }}y{% endset %}{{ a }}
{% set a | replace('x','<') | e %}x{{ n }}y{% endset %}{{ a }}
{% set a %}{% set inner = 1 %}{% endset %}{{ inner is defined }}
{% set ns = namespace() %}{% set ns.a %}body{% endset %}{{ ns.a }}
{% set true = 1 %}
{% set 'a' = 1 %}
{% set a.b.c = 1 %}
{% set a[0] = 1 %}
{% set a %}
{% filter upper %}a{{ n }}b{% endfilter %}
{% filter replace('a','b')|upper %}a{{ n }}b{% endfilter %}
{% filter nosuch %}a{% endfilter %}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}
{% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a is defined }}
{% with (a, b) = p[0] %}{{ a }}{{ b }}{% endwith %}
{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}|{{ m(1, 3) }}|{{ m(b=4, a=5) }}|{{ m() }}
{% macro m(a, b=2) %}{{ a|default('-') }}{{ b }}{% endmacro %}{{ m() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(c=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}
{% macro m() %}{{ kwargs.items()|list }}{% endmacro %}{{ m(x=1, y=2) }}
{% macro m(varargs) %}{{ varargs }}{% endmacro %}{{ m(1) }}
{% macro m(a, b) %}{% set a = a ~ '!' %}{{ a }}{{ b is defined }}{% endmacro %}{{ m(1) }}{{ a is defined }}
{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(3) }}
{% macro m(a=1, b) %}{% endmacro %}
{% macro m() %}{{ n }}{{ v }}{% endmacro %}{% set v = 'late' %}{{ m() }}
{% macro fact(k) %}{% if k < 2 %}1{% else %}{{ k * fact(k - 1)|int }}{% endif %}{% endmacro %}{{ fact(5) }}
{% macro m() %}a{% endmacro %}{{ m() is string }}{{ m is callable }}{{ m.name }}{{ m }}
{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}x{{ n }}{% endcall %}
{% macro m(xs) %}{% for x in xs %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(x) m(xs) %}[{{ x }}]{% endcall %}
{% macro m(xs) %}{{ caller(1, b=2) }}{% endmacro %}{% call(a, b=0, c=3) m(xs) %}{{ a }}{{ b }}{{ c }}{% endcall %}
{% macro m() %}{% if caller %}{{ caller() }}{% else %}none{% endif %}{% endmacro %}{{ m() }}
{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}
{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}
{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ caller is defined }}{% endcall %}
{% macro m(caller=none) %}{{ caller() if caller else '-' }}{% endmacro %}{{ m() }}{% call m() %}y{% endcall %}
{% macro m(x) %}{{ x }}{% endmacro %}{{ m(*[1]) }}{{ m(**{'x': 2}) }}
{% macro m(x, y) %}{{ x }}{{ y }}{% endmacro %}{{ m(*[1], **{'y': 2}) }}{{ m(1, *[2]) }}
{% macro m(x) %}{% endmacro %}{{ m(**3) }}
{% call n %}{% endcall %}
{% call n() %}{% endcall %}
{% for x in xs %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}
{% generation %}a{{ n }}{% endgeneration %}
{% generation %}{% set w = 1 %}{{ w }}{% endgeneration %}{{ w is defined }}
{% raw %}{{ n }}{% if %}{% endraw %}{{ n }}
{% raw -%}  {{ n }}  {%- endraw %}|
a {%- raw %} {{ n }} {% endraw -%} b
{% raw %}{% endraw
{% print n %}{% print n, t %}
{# a comment #}a{# {{ n }} #}b
a {#- c -#} b
{# open
{{ n
{{ n }
{% if n
{% if n %}
{% endif %}
{% for x in xs %}{% endif %}
{% nosuch %}
{% %}
{{ }}
{{ n n }}
{{ n | }}
{{ n | 5 }}
{{ n is }}
{{ (n }}
{{ n) }}
{{ [n }}
{{ [n) }}
{{ 'a }}
{{ n.. }}
{{ n. }}
{{ n ! }}
{{ n & n }}
{{ n ? n }}
{{ ; }}
{{ f(a=1, 2) }}
{{ f(a=1, a=2) }}
{{ f(*xs, 1) }}
{{ not }}
{{ 1 if }}
{{ x for x in xs }}
{{ lambda }}
{{ {1: 2 }}
{{ {1} }}
{% else %}
{% endfor %}
{% if n %}a{% else %}b{% else %}c{% endif %}
{% for x xs %}{% endfor %}
{% for in xs %}{% endfor %}
{% macro %}{% endmacro %}
{% macro m %}{% endmacro %}
{% macro m(1) %}{% endmacro %}
{% macro m() %}
{% if nil %}{{ n|nosuch }}{% endif %}ok
{% if n %}{{ n|nosuch }}{% endif %}ok
{% if nil %}{% for x in xs %}{{ n|nosuch }}{% endfor %}{% endif %}ok
{% if nil is nosuch %}{% endif %}ok
{{ n|nosuch if nil else 'ok' }}
{{ n|nosuch if n else 'ok' }}
{{ (n|nosuch) ~ ('a' if n) }}
{% if n: %}a{% elif: n %}{% endif %}
{% if n: %}a{% else: %}b{% endif %}
{% for x in xs: %}{{ x }}{% endfor %}
{{ raise_exception('no: ' ~ n) }}
{{ raise_exception(n) }}
{{ raise_exception() }}
{{ strftime_now('%%') }}
{{ strftime_now('') ~ 'x' }}
{{ strftime_now('%Y') | length }}
{{ cycler }}
{% set c = cycler(1, 2, 3) %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{% set _ = c.reset() %}{{ c.current }}
{% set c = cycler() %}
{% set j = joiner() %}{{ j() }}a{{ j() }}b{{ j() }}
{% set j = joiner('|') %}{{ j() }}a{{ j() }}b
{{ dict(a=1, b=2) }}{{ dict({'x': 1}, y=2) }}{{ dict([['k', 1], ('l', 2)]) }}
{{ dict(1) }}
{{ dict([1]) }}
{{ range(3) }}{{ range(1, 4)|list }}{{ range(5, 0, -2)|list }}{{ range(0)|list }}{{ range(0, 10, 3) }}
{{ range(5)[1:3] }}{{ range(5)[-1] }}{{ range(5)[9] }}{{ 3 in range(5) }}{{ range(5)|length }}{{ range(3) == range(3) }}{{ range(10)[::3] }}
{{ range() }}
{{ range(1, 2, 0) }}
{{ range('a') }}
{{ range(1.5) }}
{{ caller() }}
{{ loop }}
{{ xs.sort }}|
{{ 'x'.__class__ }}|
{{ n.__class__ }}|
{{ d.__class__ }}|
{{ ''.format.__globals__ }}|
{{ t.x.y }}
{{ missing.x }}
{{ missing['x'] }}
{{ missing() }}
{{ nil.x }}|
{{ nil.x.y }}
{{ d.missing }}|
{{ d['missing']['x'] }}
{{ n.x is defined }}
{{ xs[9] }}|
{{ xs['a'] }}|
{{ t() }}
{{ d() }}
{{ n() }}
{{ -missing }}
{{ missing + 1 }}
{{ 1 + missing }}
{{ missing ~ 'a' }}
{{ missing == missing }}
{{ missing == 1 }}
{{ missing < 1 }}
{{ missing in xs }}
{{ 1 in missing }}
{{ not missing }}
{{ missing and 1 }}|
{{ missing or 1 }}
{{ [missing] }}
{{ {'a': missing} }}
{{ {missing: 1} }}
{{ d[missing] }}|
{{ xs[missing] }}|
{{ 'a' if missing }}|
{{ 'a' if z }}|
{{ ('a' if z) is defined }}
{{ ('a' if z) ~ 'b' }}
{{ ('a' if z).x }}
{{ missing if z else 'b' }}
{{ 'a' if z else 'b' if z else 'c' }}
{{ 'a' if n else missing }}
""".strip("\n").split("\n")
EXPRESSIONS = r"""
1 + 2 * 3 ;; (1 + 2) * 3 ;; 7 // 2 ;; -7 // 2 ;; 7 // -2 ;; -7 // -2 ;; 7 % 3 ;; -7 % 3 ;; 7 % -3 ;; -7 % -3
7 / 2 ;; 6 / 2 ;; 2 ** 10 ;; 2 ** -1 ;; 2 ** 3 ** 2 ;; -2 ** 2 ;; 2 ** 0.5
0 ** -1 ;; 0.0 ** -1 ;; (-8) ** 0.5 ;; 2.0 ** 3 ;; 10 ** 18 ;; 7.5 // 2 ;; -7.5 // 2 ;; 7.5 % 2 ;; -7.5 % 2
7.5 % -2 ;; 1 / 0 ;; 1 // 0 ;; 1 % 0 ;; 1.5 / 0 ;; 1.5 % 0
0.1 + 0.2 ;; 1e16 ;; 1e15 ;; 123456789012345680.0 ;; 1e-5 ;; 0.0001 ;; 1.0 ;; 100000.0 ;; 1e100 ;; -0.0 ;; 1.5e3
1_000 ;; 0x1F ;; 0b101 ;; 0o17 ;; 1e5 ;; 1E5 ;; 0xff_ff ;; 00 ;; 1_0.5 ;; .5 ;; 1.
true + 1 ;; true + true ;; -true ;; +true ;; true * 3 ;; 'a' * 3 ;; 3 * 'a' ;; 'a' * -1 ;; [1] * 2 ;; 2 * (1,)
'a' * 1.0 ;; 'ab' + 'c' ;; [1] + [2] ;; (1,) + (2,) ;; [1] + (2,) ;; 'a' + 1 ;; 1 + 'a'
1 < 2 < 3 ;; 1 < 2 > 1 ;; 3 > 2 > 5 ;; 1 == 1.0 ;; 1 == true ;; 0 == false ;; '1' == 1 ;; 1 != 2 ;; 'a' < 'b'
'a' < 1 ;; [1, 2] < [1, 3] ;; (1, 2) < (1,) ;; [1] == (1,) ;; nil == nil ;; nil < 1
{} == {} ;; {'a': 1} == {'a': 1.0} ;; {'a': 1, 'b': 2} == {'b': 2, 'a': 1} ;; [[1]] == [[1]] ;; 'é' > 'z'
1 <= 1.0 <= 2 ;; big == big + 0.0 ;; big > 9007199254740992.0
1 in [1, 2] ;; 1.0 in [1] ;; 'a' in 'abc' ;; 1 in 'abc' ;; '' in 'abc' ;; 'x' not in 'abc' ;; 1 not in [1]
'b' in d ;; 'zz' in d ;; [1] in [[1]] ;; 1 in {1: 2} ;; 1.0 in {1: 2} ;; 'a' in d.keys()
nil in [nil] ;; 1 in 5 ;; (1, 'a') in [(1, 'a')] ;; 'x' in d.values() ;; ('a', 'x') in d.items() ;; [1] in d
not 1 in [2] ;; not 1 == 2 ;; not not n ;; not n and z
n and t ;; z and t ;; z or t ;; n or t ;; e or nil or z ;; n and z and t ;; e or 'x' ;; nil and 1 ;; [] or {}
n and not z
'a' ~ 1 ~ nil ~ 1.5 ~ [1] ;; 1 ~ 2 ;; 'a' ~ 'b' * 2 ;; 1 + 2 ~ 3 ;; 1 ~ 2 + 3 ;; 'x' ~ -1
'a' 'b' "c" ;; 'a\nb' ;; 'a\tb\\n\'q\'' ;; "\"d\"" ;; '\x41\u00e9\U0001F600' ;; '\101\0' ;; '\q' ;; '\é'
'\x4' ;; '\ud800' ;; '\N{DASH}' ;; '☃'
xs[0] ;; xs[-1] ;; xs[5] ;; xs[-9] ;; xs[1:] ;; xs[:1] ;; xs[::-1] ;; xs[::2] ;; xs[-2:] ;; xs[5:] ;; xs[2:0]
xs[2:0:-1] ;; xs[::0] ;; xs[1:2:3] ;; xs[:] ;; xs['a':] ;; xs[1.0] ;; xs[true] ;; xs[nil:2] ;; xs[-99:99]
t[0] ;; t[-1] ;; t[99] ;; t[1:4] ;; t[::-1] ;; t[:-1] ;; t[::3] ;; u[2:6] ;; u[-4] ;; u[::-1] ;; e[0] ;; e[1:]
(1, 2, 3)[1:] ;; (1, 2, 3)[::-1] ;; 'abc'[5:1:-2] ;; 'abc'[-1:-5:-1]
d.a ;; d['a'] ;; d.b + 1 ;; d.items ;; d['items'] ;; d.C[1] ;; d[0] ;; d['0'] ;; d.0 ;; p[0][1] ;; p.0.1
p[0, 1] ;; xs.0 ;; nest.a.b[1].c ;; nest['a']['b'][0] ;; nest.a.x ;; d[[1]] ;; d[{}] ;; xs[nil] ;; xs[[1]]
{1: 'a', 2: 'b'}[1] ;; {1: 'a'}[true] ;; {true: 'a'}[1] ;; {1.0: 'x'}[1] ;; {nil: 1}[nil] ;; {(1, 2): 3}[(1, 2)]
{(1, 2): 3} ;; {1: 1, 1.0: 2, true: 3} ;; {true: 1, 1: 2} ;; {[1]: 2}
{1.5: 'x', nil: 1, true: 2, 'a': 3} ;; {'a': 1, 'a': 2} ;; {} ;; {'a': {}} ;; {'it\'s': "q\"", 'n\n': 1}
{1: 2}.items()|list ;; {1: 2}|tojson ;; {true: 1, nil: 2, 1.5: 3}|tojson ;; {(1,): 1}|tojson
[] ;; () ;; (1) ;; (1,) ;; 1, 2 ;; [1, 'a', nil, true, 1.5, [2], {'k': (1,)}]
["it's", 'say "x"', 'both \' and "'] ;; ['\n\t\r\\\x00\x7f é ☃ \u200b 𝔘'] ;; [1, 2,] ;; {'a': 1,} ;; (1, 2,)
d.keys() ;; d.values() ;; d.items() ;; d.keys()|list ;; d.get('a') ;; d.get('zz') ;; d.get('zz', 5) ;; d.get()
d.get('a', 'b', 'c') ;; d.get([1]) ;; d.copy() ;; d.items()|length ;; d|length ;; d.keys()|sort
xs.count(1) ;; xs.index(1) ;; xs.index(9) ;; xs.index(2, 1) ;; (1, 2).index(2) ;; (1, 1).count(1) ;; xs.copy()
xs.nosuch ;; d.items()[0] ;; d.keys()|first ;; d.values()|last ;; d.items()|reverse|list
d|list ;; t|list ;; d|first ;; d|last ;; d|join ;; t|join('.') ;; d|reverse|list ;; d|dictsort|map('first')|join
{'b': 1, 'A': 2, 'a': 3}|dictsort ;; {'b': 1, 'A': 2}|dictsort(true) ;; {1: 2, 'a': 1}|dictsort
'%s-%d' % ('a', 3) ;; '%s' % 'x' ;; '%s' % xs ;; '%s %s' % (1,) ;; '%s' % (1, 2) ;; '%d' % 'a'
'%5.2f|%-6s|%06.1f' % (3.14159, 'ab', -2.5) ;; '%x %X %o %c' % (255, 255, 8, 65) ;; '%%' ;; '%%' % ()
'%r' % 'a'
'%(a)s %(b)05d' % {'a': 1, 'b': 2} ;; '%(zz)s' % d ;; '%(a)s' % 1 ;; '%+d % d' % (5, 5) ;; '%e' % 12345.678
'%g %g' % (0.0001, 1e10) ;; '%.3s' % 'abcdef' ;; '%*d' % (5, 42) ;; '%s' % nil ;; '%d' % 3.9 ;; '%d' % true
'%5s|%-5s|' % ('é', 'é') ;; '%c' % 'x' ;; '%c' % 'xy' ;; '%q' % 1 ;; '%' % 1 ;; 'abc' % 1 ;; 'abc' % xs
'abc' % d ;; '%s' % missing ;; '%.2f' % 2.675 ;; '%.0f' % 0.5 ;; '%.0f' % 1.5 ;; '%#x %#o' % (255, 8)
'%.5d' % 42 ;; '%i' % 7 ;; '%s' % (1,)
'{} {}'.format(1, 'a') ;; '{0} {1} {0}'.format(1, 2) ;; '{a} {b}'.format(a=1, b=2)
'{a[0]} {b.x}'.format(a=[5], b={'x': 6}) ;; '{:>5}|{:<5}|{:^5}|{:*^7}'.format(1, 2, 3, 4) ;; '{{}} {}'.format(1)
'{'.format()
'}'.format() ;; '{}'.format() ;; '{a}'.format() ;; '{0} {}'.format(1, 2) ;; '{!r} {!s}'.format('a', 'b')
'{:05d} {:+} {:,} {:_}'.format(42, 5, 1234567, 1234567)
'{:.2f} {:.3} {:e} {:%}'.format(2.5, 3.14159, 1e5, 0.25)
'{:x} {:#x} {:b} {:o} {:X} {:c}'.format(255, 255, 5, 8, 255, 65) ;; '{:10}|{:10}'.format('a', 1)
'{:>{w}}'.format(1, w=4) ;; '{:s}'.format(1) ;; '{:d}'.format('a') ;; '{:d}'.format(1.5) ;; '{:5}'.format(nil)
'{}'.format(nil) ;; '{:.1}'.format('abc')
'{:010.3f}'.format(-3.14159) ;; '{:=+8d}'.format(42) ;; '{:08,}'.format(1234) ;; '{:g} {:G}'.format(1e-10, 1e20)
'{}'.format(true) ;; '{:5}'.format(true) ;; '{:05}'.format('ab') ;; '{:.3}'.format(1234.5)
'{:.3}'.format(0.00001234) ;; '{:.2}'.format(3.0) ;; '{0.upper}'.format('a')
'{:,.2f}'.format(1234567.891) ;; '{:>10,}'.format(-1234) ;; '{: }'.format(3) ;; '{:.0%}'.format(0.5)
'{:z}'.format(1) ;; '{:5.1f}|{:<8.2e}|'.format(2.25, 12345) ;; '{:+.1f}'.format(-0.04) ;; '{!x}'.format(1)
'{a.nosuch}'.format(a=1) ;; '{:é>4}'.format('b')
1.0|round ;; 2.5|round ;; 3.5|round ;; 2.675|round(2) ;; 1234|round(-2) ;; 1250|round(-2) ;; 1350|round(-2)
-1250|round(-2) ;; 42|round ;; 42.55|round(1, 'floor') ;; -1.5|round(0, 'ceil') ;; 1e300|round(2)
123.456|round(-1) ;; 155.0|round(-1) ;; 0.5|round ;; 7|round(1, 'ceil') ;; 15.5|round(-1, 'floor')
'42'|int ;; ' 42 '|int ;; '4_2'|int ;; '42.9'|int ;; 'abc'|int ;; 'abc'|int(-1) ;; '0x1F'|int(0, 16)
'1F'|int(base=16) ;; '0b11'|int(0, 2) ;; '0o17'|int(0, 8) ;; 'z'|int(0, 36) ;; 1e3|int ;; -3.9|int ;; nil|int
xs|int ;; true|int ;; '1e3'|int ;; '-5'|int ;; '+5'|int ;; ''|int ;; 'inf'|int ;; 'nan'|int ;; '12_'|int
'0x10'|int(0,0) ;; '12'|int(0,1)
'1.5'|float ;; '1e3'|float ;; ' .5 '|float ;; '5.'|float ;; 'abc'|float ;; 'abc'|float(2) ;; 'inf'|float
'-Infinity'|float ;; 'nan'|float ;; nil|float ;; '1_0.5'|float ;; 7|float ;; true|float ;; '1e400'|float
xs|float('no') ;; ('inf'|float)|int ;; ('nan'|float)|int ;; '--1'|float
n is odd ;; n is not odd ;; n is even and z is even ;; n is divisibleby 7 ;; n is divisibleby(7)
missing is defined ;; missing is not defined ;; n is defined and n > 3 ;; n is string or t is string
1 is in [1] ;; 1 is in([1]) ;; n is eq 7 ;; n is sameas 7 ;; 'a' is lower ;; 'A' is upper ;; nil is none
n is not none ;; n is number ;; true is number ;; true is integer ;; 1.0 is float ;; d is mapping
xs is sequence ;; d is sequence ;; t is iterable ;; n is iterable ;; 5 is gt 3 ;; 5 is lt 3 ;; 5 is ge 5
'x' is eq 'x' ;; n is ne 7 ;; n is == 7 ;; 'upper' is filter ;; 'nope' is filter ;; 'odd' is test
'x'|safe is escaped
n is odd is true ;; n is defined if t ;; not n is odd ;; n is not not odd ;; range is callable
t.upper is callable ;; xs is none or xs|length > 2 ;; 1.5 is odd ;; 'a' is odd ;; nil is odd ;; 1 is sameas true
true is true ;; false is false ;; 0 is false ;; 1 is true ;; xs is sameas xs ;; [] is sameas [] ;; n is in xs
t|upper|lower ;; t|upper() ~ 'x' ;; -1|abs ;; -n|abs ;; (-n)|abs ;; xs|sort|first ;; xs|map('string')|join('+')
t|replace('o', '0')|upper ;; n|string ~ 'x' ;; 'a,b'|replace(',', ';') ;; xs|sort|join ;; [3, 1]|max ~ 'm'
nil|string ;; xs|string ;; true|string
ms|map(attribute='role')|join(',') ;; ms|map(attribute='who.name')|list
ms|map(attribute='zz')|list ;; ms|map(attribute='zz', default=0)|list ;; p|map(attribute=0)|list
p|map('last')|sum ;; ys|map('upper')|sort|join
ms|selectattr('role', 'equalto', 'user')|map(attribute='n')|list ;; xs|map('nope')|list ;; []|map('nope')|list
ys|map('replace', 'a', 'z')|list ;; p|map('join', '-')|list ;; ['1', '2']|map('int')|sum ;; xs|map
xs|select('gt', 1)|list ;; xs|reject('odd')|list ;; ms|selectattr('extra', 'defined')|list|length
ms|rejectattr('extra', 'defined')|list|length ;; [0, 1, '', 'a', nil]|select|list ;; xs|select('==', 1)|list
xs|select('nope')|list ;; ms|selectattr|list ;; xs|select('divisibleby', 2)|list
ms|selectattr('n', '>', 1)|map(attribute='n')|list ;; ms|selectattr('nope')|list ;; ms|selectattr('nope.x')|list
ms|groupby('role')|map(attribute='grouper')|list ;; ms|groupby('role')|map(attribute='list')|map('length')|list
ms|groupby('role', case_sensitive=true)|map('first')|list
ms|groupby('extra', default=false)|map('first')|list ;; (ms|groupby('n'))[0].list|length
(ms|groupby('n'))[0]|length ;; ms|groupby('who.name')|map('first')|list ;; ms|groupby('nope')|length
ys|sort ;; ys|sort(true) ;; ys|sort(case_sensitive=true) ;; mix|sort ;; xs|sort(reverse=true)
ms|sort(attribute='who.name')|map(attribute='n')|list ;; ms|sort(attribute='nope')|length ;; [nil, nil]|sort
[[2, 'a'], [1, 'b']]|sort ;; t|sort|join ;; d|sort ;; ['b', 'B', 'a', 'A']|sort ;; ['b', 'B', 'a', 'A']|unique|list
[1, 1.0, true, 2]|unique|list ;; [[1]]|unique|list ;; [nil, nil, 'a']|unique|list
xs|max ;; xs|min ;; ys|max ;; ys|min ;; ys|max(case_sensitive=true) ;; []|max ;; []|min ;; ms|max(attribute='n')
ms|min(attribute='who.name') ;; t|max ;; mix|max ;; ['b', 'B']|max ;; ['B', 'b']|min ;; d|max ;; [1.5, 2]|max
[[1, 2], [1, 3]]|max ;; xs|sum ;; [1.5, 1]|sum ;; [[1], [2]]|sum(start=[]) ;; ['a']|sum ;; []|sum
p|sum(attribute=1) ;; ms|sum('n') ;; [true, true]|sum
[1, 2, 3, 4, 5]|batch(2)|list ;; [1, 2, 3]|batch(2, 0)|list ;; [1, 2, 3, 4, 5]|slice(3)|list
[1, 2, 3, 4, 5]|slice(3, 'x')|list ;; 'abc'|batch(2)|list ;; []|batch(2)|list ;; [1]|slice(3)|list
[1, 2]|batch(-1)|list ;; [1, 2]|slice(-1)|list ;; xs|batch|list
'hello world-foo (bar) [x] {y} <z>'|title ;; "it's a dog's life"|title ;; 'ÉCOLE été'|title ;; 'ab1cd'|title
'HELLO'|capitalize ;; 'éa'|capitalize ;; 'ß'|upper ;; 'İ'|lower ;; 'ΑΣ'|lower ;; ''|title ;; 'a_b'|title
'x'|center(4) ;; 'xy'|center(5) ;; 'xy'|center(1) ;; 'ǆ'|title ;; 'ŉ'|upper
'a<b>&"\''|e ;; '<a>'|escape ;; '<a>'|safe ;; '<a>'|safe|e ;; '<a>'|forceescape ;; '<a>'|safe|forceescape
'<a>'|e ~ '<b>' ;; ('<a>'|e) + '<b>' ;; '<b>' + ('<a>'|safe) ;; ('<a>'|safe) * 2 ;; ('<a>%s'|safe) % '<b>'
('<a>%s'|safe) % ('<b>'|safe) ;; ('<A>'|safe)|lower + '<' ;; (('<a>'|safe)|string) + '&'
('<a>'|safe)[0] + '&' ;; ['<a>'|safe] ;; ('<a>'|safe) == '<a>' ;; nil|e ;; n|e ;; (n|e) + '<' ;; missing|e
t|tojson ;; u|tojson ;; q|tojson ;; d|tojson ;; mix|tojson ;; f|tojson ;; h|tojson ;; nil|tojson ;; yes|tojson
missing|tojson ;; range(2)|tojson ;; (1, 2)|tojson ;; '\u2028\x7f\x01\b\f/'|tojson ;; '😀é'|tojson ;; 1.0|tojson
[]|tojson ;; {}|tojson
[[], {}]|tojson(indent=2) ;; d|tojson(indent=2) ;; d|tojson(2) ;; d|tojson(indent=0) ;; d|tojson(indent='--')
ms|tojson(indent=1) ;; ('inf'|float)|tojson ;; ('nan'|float)|tojson ;; (q|tojson) + '<' ;; d.items()|tojson
namespace()|tojson
d|tojson(sort_keys=true) ;; u|tojson(ensure_ascii=true)
xs|tojson(separators=(',', ':')) ;; d|tojson(indent=2, separators=(',', ': ')) ;; d|tojson(true) ;; d|tojson(false, 2)
{'b': 1, 'a': {'d': 1, 'c': 2}}|tojson(sort_keys=true) ;; xs|tojson(separators=',')
{2: 1, 1: 2}|tojson(sort_keys=true) ;; {2: 1, 'a': 2}|tojson(sort_keys=true) ;; xs|tojson(separators=none)
xs|tojson(nope=1) ;; '😀'|tojson(ensure_ascii=true) ;; xs|tojson(indent=none) ;; xs|tojson(indent=true)
'a b c'|urlencode ;; 'a/b?c=d&é'|urlencode ;; {'a': 1, 'b c': 'é/'}|urlencode ;; [('x', 1), ('y', 2)]|urlencode
n|urlencode ;; nil|urlencode ;; '~_-.'|urlencode ;; [1]|urlencode ;; 'a  b, c-d'|wordcount ;; '  '|wordcount
u|wordcount ;; n|wordcount ;; "it's"|wordcount
'foo bar baz qux'|truncate(9) ;; 'foo bar baz qux'|truncate(9, true) ;; 'foo bar baz qux'|truncate(11)
'foo bar baz qux'|truncate(11, false, '...', 0) ;; 'foobarbaz'|truncate(4, false, '', 0)
'é☃é☃é☃é☃'|truncate(3, true, '…', 0) ;; 'foo'|truncate(2) ;; xs|truncate(5)
'a b'|truncate(2, end='!', leeway=0) ;; 'abc'|truncate(3, leeway=-1)
'a\nb\n\nc'|indent ;; 'a\nb'|indent(2, true) ;; 'a\n\nb'|indent(2, blank=true) ;; 'a\nb\n'|indent ;; ''|indent
'a\r\nb'|indent(1) ;; 'a\nb'|indent('--') ;; n|indent ;; 'a\nb'|indent(-1) ;; 'a\nb'|indent(0, true)
'a'|indent(width=2, first=true) ;; '\na'|indent(2, true) ;; 'a\x0bb\x85c'|indent(1)
'The quick brown fox'|wordwrap(10) ;; 'The quick brown fox jumped-over a well-known--thing'|wordwrap(12)
'abcdefghijklmnop'|wordwrap(5) ;; 'abcdefghijklmnop xy'|wordwrap(5, false)
'a-b-c long-hyphenated-word'|wordwrap(8) ;; 'long-hyphenated-word'|wordwrap(8, break_on_hyphens=false)
'  lead  and   trail  '|wordwrap(6) ;; 'one\ntwo three\n\nfour'|wordwrap(5) ;; 'a b'|wordwrap(0)
'x y'|wordwrap(1, true, '|') ;; 'é☃é☃ é☃'|wordwrap(3) ;; ''|wordwrap(3)
'-- dash -- it --em-- dash--dash'|wordwrap(6) ;; 'semi-auto-matic e-mail x-1 1-2'|wordwrap(4)
'hello'|regex_replace('l+', 'L') ;; 'a1b22'|regex_replace('\\d', '#', 1)
'John Smith'|regex_replace('(\\w+) (\\w+)', '\\2 \\1') ;; 'abc'|regex_replace('(?P<x>b)', '[\\g<x>]')
'abc'|regex_replace('', '-') ;; 'abc'|regex_replace('(', 'x') ;; n|regex_replace('a', 'b')
' a  b '|regex_replace('\\s+', ' ') ;; 'x'|regex_replace('x', '\\n')
'[title] a'|regex_replace('\\[.*?\\]', '') ;; 'aaa'|regex_replace('a', 'b', count=2)
nil|default('x') ;; nil|default('x', true) ;; missing|default ;; missing|default('x')
missing|d('x') ;; e|default('x') ;; e|default('x', boolean=true) ;; missing.x|default('x') ;; d.zz|default('x')
missing|default(missing) ;; 0|default(5, true) ;; missing|default(default_value='k') ;; nil|d(boolean=true)
missing|length ;; missing|list ;; missing|join ;; missing|upper ;; missing|int ;; missing|first
missing|string ;; missing|trim ;; missing|sort ;; missing|items|list
xs|length ;; t|length ;; u|length ;; d|length ;; n|length ;; nil|length ;; range(3)|length
xs|map('string')|length ;; xs|select|list|length ;; missing|length ;; (1, 2)|count ;; d.keys()|length
xs|first ;; []|first ;; t|first ;; ''|first ;; d|first ;; range(3)|first ;; n|first ;; xs|last ;; []|last ;; t|last
xs|select|last ;; range(3)|last ;; n|last ;; 'abc'|reverse ;; xs|reverse|list ;; n|reverse
(1, 2)|reverse|list ;; range(3)|reverse|list ;; xs|select|reverse
xs|join(',') ;; xs|join ;; ms|join(',', attribute='role') ;; ms|join(attribute='n') ;; mix|join('|') ;; n|join
t|join('-') ;; xs|join(1) ;; [[1], ['a']]|join(', ') ;; ['<a>'|safe, '<b>']|join ;; xs|join(nil)
'%s, %s!'|format('a', 'b') ;; '%(x)s'|format(x=1) ;; '%s'|format ;; '%s'|format(1, x=2) ;; '%d%%'|format(5)
'abc'|format ;; n|format(1) ;; '  a '|trim ~ '|' ;; 'xxaxx'|trim('x') ;; n|trim ;; 'a'|trim(nil) ;; 'ab'|trim(1)
t.upper() ;; t.upper ;; 'a-b'.split('-')[1] ;; t.split(', ')|last ;; 'a'.join(['x', 'y']) ;; t.lower().title()
'x'.upper().lower().strip() ;; 'abc'.find('c') + 1 ;; '{}'.format('{}') ;; 'a,b,,c'.split(',')
' a  b '.split() ;; ' a  b '.split(' ') ;; 'abc'.split('b') ;; ''.split() ;; ''.split(',')
'a b c'.split(maxsplit=1) ;; 'a b c'.rsplit(' ', 1) ;; 'a\nb\r\nc\rd\x0be\u2028f'.splitlines()
'a\n'.splitlines(true) ;; ''.splitlines()
'x'.zfill(3) ;; '-5'.zfill(4) ;; '+5'.zfill(4) ;; ''.zfill(2) ;; 'ab'.center(5) ;; 'ab'.center(6)
'a'.center(4, '-') ;; 'a'.ljust(3, '..') ;; 'abc'.count('') ;; 'aaa'.count('aa') ;; 'ß'.upper() ;; 'ǆ'.title()
"they're bill's".title() ;; 'ΑΣ ΑΣΑ'.lower() ;; '²'.isdigit() ;; '²'.isdecimal() ;; '½'.isalnum()
'٣'.isdigit() ;; 'a1'.isalnum() ;; 'Ab'.istitle() ;; 'AB'.isupper() ;; 'a1'.islower() ;; '1'.islower()
' \t\n'.isspace() ;; ''.isspace() ;; 'é'.isalpha() ;; 'a b'.isalpha() ;; 'ǅ'.istitle() ;; 'ab'.swapcase()
'aßB'.swapcase()
""".strip("\n")

LINES = [
    ("one\n{{ missing.x }}\n", 2, "missing"),
    ("{% if n %}\n\n{{ 1 / 0 }}\n{% endif %}", 3, "zero"),
    ("a\n{%- for x in xs %}\n{{ x + 'a' }}{% endfor %}", 3, None),
    ("{% macro m() %}\n{{ missing.y }}\n{% endmacro %}\n\n{{ m() }}", 2, "missing"),
    ("{#\n\n#}\n{{ n|nosuch }}", 4, "nosuch"),
    ("{% raw %}\n\n{% endraw %}{{ n is nosuch }}", 3, "nosuch"),
    ("\n{{ 'a\nb'\n}}\n{{ n n }}", 5, None),
    ("\r\n\r{% endif %}", 3, "endif"),
    ("a  \n\n  {%- if n -%}  \n\n {{ missing() }}{% endif %}", 5, "missing"),
    ("{% set x = 1 %}\n{% set x = ) %}", 2, None),
    ("\n\n{{ d.nothing.x }}", 3, "nothing"),
    ("\n{{ raise_exception('told you') }}", 2, None),
    ("\n{{ xs|map('nosuch')|list }}", 2, "nosuch"),
    ("{{ nosuch_function(1) }}", 1, "nosuch_function"),
    ("\n{% unknown_tag %}", 2, "unknown_tag"),
    ("\n{{ namespace(a=1).b.c }}", 2, None),
    ("\n{% call nobody() %}\n{% endcall %}", 2, "nobody"),
]
STRINGS = [
    "{{ 'a\\\nb' }}", "{{ 'line\nbreak' }}", "{{ 'a\r\nb' }}", "a\r\nb\rc\n", "x\n", "x\n\n", "\n", "", " ", "{", "{{'{{'}}", "{{ '}}' }}",
    "{% set x = '%}' %}{{ x }}", "{{ {'a': {'b': 1}} }}", "{{ {'a': {'b': 1}}}}", "{{ {}}}", "{{{'a':1}.a}}", "{%set x=1%}{{x}}",
    "{{\nn\n}}", "{{ n -}} \n x", "x \n {{- n }}", "{{+ n }}", "{{ n +}}", "{%+ if n %}a{%+ endif +%}\nb", "  {%+ if n %}a{% endif %}",
    "{#- x -#}", "a {# x #}\n b", "a\n  {# x #}\n b", "a {#+ x +#}\n b", "{##}", "{#}", "{#-#}", "{# #} #}", "{% raw %}{% endraw %}",
    "  {% raw %}\n  x\n  {% endraw %}\n y", "{% raw -%} x {%+ endraw +%}\n", "{%- raw %} {%- endraw %}", "{%raw%}{{{%endraw%}",
    "é{{ n }}☃\u2028{{ n }}", "\u00a0{%- if n %}a{% endif %}", "{{ ü }}", "{% set ü = 1 %}{{ ü }}", "{{ 1ü }}", "{{ n\u00a0}}",
    "{{ n }}\x0b{% if n %}x{% endif %}", "{% if n %}\n\n{% endif %}\n\n", "{{ n }}}}", "}} {{ n }} %}", "{{ n }} {{", "{%", "{% if n %}{{ '",
    "{{ n|upper|lower }}{{ n | upper | lower }}", "{{ xs | map ( 'string' ) | join ( '-' ) }}", "{% if(n)%}a{%endif%}", "{{ not(n) }}",
    "{% for(k)in xs%}{{k}}{%endfor%}", "{{ -1 }}{{ - 1 }}{{ 1-1 }}{{ 1 -1 }}", "{{ 5if n else 6 }}", "{{ xs[ 0 ] }}{{ xs [0] }}{{ d . a }}",
    "{{ 1.5.x }}|", "{{ 'a'.upper() }}", "{{ [1,2][0] }}{{ (1,2)[1] }}{{ {'a':1}['a'] }}{{ 'abc'[1] }}",
]
PIECES = ["a", " ", "\n", "  \n", "\n  ", "\t", "b\n", "{% if n %}", "{% endif %}", "{%- if n %}", "{%- endif -%}", "{% if n -%}", "{%+ if n %}",
          "{% endif +%}", "{{ n }}", "{{- n }}", "{{ n -}}", "{# c #}", "{#- c #}", "{# c -#}", "{% raw %}", "{% endraw %}", "{%- endraw %}",
          "{% set x = 1 %}", "{%- set x = 1 -%}", "{% for x in xs %}", "{% endfor %}", "{%- endfor %}", "\r\n", "{#+ c +#}"]


def spaces(r):
    """Random white space control; most of it parses."""
    out, open_ = [], []
    for _ in range(r.randint(3, 10)):
        p = r.choice(PIECES)
        if re.match(r"\{%[-+]? end", p):
            if not open_ or r.random() < 0.05:
                continue
            open_.pop()
            p = re.sub("end[a-z]+", "ZZ", p)
        elif re.match(r"\{%[-+]? (if|for|raw)", p):
            if open_ and open_[-1] == "raw":
                continue
            open_.append(re.search("if|for|raw", p).group())
        out.append((p, len(open_), open_[-1] if open_ else None))
    text, stack = "", []
    for p, depth, top in out:
        m = re.match(r"\{%[-+]? (if|for|raw)", p)
        if m:
            stack.append(m.group(1))
        if "ZZ" in p:
            p = p.replace("ZZ", "end" + (stack.pop() if stack else "if"))
        text += p
    while stack:
        text += "{% end" + stack.pop() + " %}" + r.choice(["", "\n", " x"])
    return text + r.choice(["", "\n", "\n\n", " "])


ATOMS = """n m z f g yes no nil t e q xs ys mix d p ms missing 0 1 2 -1 3.5 0.0 'a' '' 'b' "it's" [] () {} [1,2] (1,) (1,'a') {'a':1}
range(3) xs[0] t[1:3] d.a d['b'] d.C ms[0] ms[1].role nest.a xs|first d.items() namespace(k=1) 'x'|safe 'Ab' 1e16 true""".split()
CALLS = [f for f in FILTERS if "nosuch" not in f]


def expression(r, depth):
    if depth == 0 or r.random() < 0.15:
        return r.choice(ATOMS)
    sub = lambda: expression(r, depth - 1)
    kind = r.randint(0, 11)
    if kind <= 2:
        return f"({sub()} {r.choice(['+', '-', '*', '/', '//', '%', '~', '**'])} {sub()})"
    if kind == 3:
        return f"({sub()} {r.choice(['==', '!=', '<', '<=', '>', '>=', 'in', 'not in'])} {sub()})"
    if kind == 4:
        return f"({sub()} {r.choice(['and', 'or'])} {sub()})"
    if kind == 5:
        return f"({sub()} if {sub()} else {sub()})"
    if kind == 6:
        return f"[{sub()}, {sub()}]" if r.random() < 0.5 else f"({sub()}, {sub()})"
    if kind == 7:
        return f"{{{sub()}: {sub()}}}" if r.random() < 0.3 else f"({sub()})[{sub()}]"
    if kind == 8:
        return f"({sub()} is {r.choice([x for x in TESTS if 'nosuch' not in x])})"
    if kind == 9:
        return f"(not {sub()})" if r.random() < 0.5 else f"({sub()}).{r.choice([x for x in METHODS if ' ' not in x])}"
    return f"({sub()})|{r.choice(CALLS)}"


def randoms(cases, seed, count):
    r = random.Random(seed)
    for i in range(count):
        if i % 4 == 0:
            cases.add(spaces(r))
        else:
            cases.add("{{ " + expression(r, r.randint(1, 3)) + " }}", envs=r.choice("ct"))


def fixed(cases):
    for text in EXPRESSIONS.replace(" ;; ", "\n").split("\n"):
        cases.add("{{ " + text + " }}")
    for text in STATEMENTS + STRINGS:
        cases.add(text)
    for text in ["xs.append(4)", "d.pop('a')", "d.update({})", "xs.sort()", "d.setdefault('k', 1)", "xs.append", "xs['clear']()"]:
        cases.add("{{ %s }}" % text, envs="c")  # lm-evaluation-harness has no sandbox
    for text, line, word in LINES:
        cases.add(text, line=line, word=word)
    for a, f in itertools.product(SCALARS, FILTERS):
        if "map('string')" in a and f in ("replace('','-')", "wordcount", "string|length"):
            continue  # it prints an address
        cases.add("{{ %s|%s }}" % (a, f), envs="c")
    for a, f in itertools.product(["missing", "d", "t", "xs", "nil"], FILTERS):
        cases.add("{{ %s|%s }}" % (a, f), envs="t")
    for a, f in itertools.product(SCALARS, TESTS):
        cases.add("{{ %s is %s }}" % (a, f), envs="ct" if a == "missing" else "c")
    for a, f in itertools.product(TEXTS, METHODS):
        cases.add("{{ %s.%s }}" % (a, f), envs="c")
    for a, op, b in itertools.product(OPERANDS, "+ - * / // % ** ~ == < >= in and or".split(), OPERANDS):
        cases.add("{{ %s %s %s }}" % (a, op, b), envs="ct" if "missing" in (a, b) else "c")


# ---- conversations -------------------------------------------------------------

TOOL = lambda name, **props: {"type": "function", "function": {
    "name": name, "description": f"What {name} does: <é> & \"q\"",
    "parameters": {"type": "object", "properties": {k: {"type": v} for k, v in props.items()}, "required": sorted(props)}}}
TOOLS = [TOOL("weather", city="string", days="integer"), TOOL("add", b="number", a="number")]
DOCS = [{"doc_id": 1, "title": "Sonne", "text": "Die Sonne scheint.\n\"Hell\".", "source": ""},
        {"doc_id": 2, "title": "空", "text": "青い", "source": None}]
CALL = lambda i, name, args, wrap=True: {"id": f"call{i:05d}", "type": "function", "function": {"name": name, "arguments": args}} \
    if wrap else {"name": name, "arguments": args, "id": f"call{i:05d}"}


def say(*turns):
    return [{"role": r, "content": c} for r, c in turns]


SYSTEM = ("system", "You are a concise assistant.")
HELLO = ("user", "Answer with OK.")
TALKS = [
    dict(messages=say(HELLO)),
    dict(messages=say(SYSTEM, HELLO)),
    dict(messages=say(HELLO), add_generation_prompt=True),
    dict(messages=say(SYSTEM, HELLO), add_generation_prompt=True),
    dict(messages=say(SYSTEM, HELLO, ("assistant", "OK."), ("user", "Again? "), ("assistant", "  OK.\n")), add_generation_prompt=False),
    dict(messages=say(HELLO, ("assistant", "OK."), ("user", "ünï ☃ 😀 <b>&\"'</b>\n\nline")), add_generation_prompt=True),
    dict(messages=say(("system", ""), ("user", "")), add_generation_prompt=True),
    dict(messages=say(HELLO), tools=TOOLS, add_generation_prompt=True),
    dict(messages=say(SYSTEM, HELLO), tools=TOOLS[:1], add_generation_prompt=True),
    dict(messages=say(HELLO), documents=DOCS, add_generation_prompt=True),
    dict(messages=say(SYSTEM, HELLO), documents=DOCS, tools=TOOLS, add_generation_prompt=True),
    dict(messages=say(HELLO), documents=DOCS, tools=TOOLS),
    dict(messages=say(HELLO), tools=TOOLS[:1], available_tools=TOOLS[1:]),
    dict(messages=say(HELLO), tools=TOOLS[:1], available_tools=[]),
    dict(messages=say(SYSTEM, HELLO) + [
        {"role": "assistant", "content": "", "tool_calls": [CALL(1, "weather", {"city": "Bärn", "days": 2})]},
        {"role": "tool", "content": "sunny", "tool_call_id": "call00001"}, {"role": "assistant", "content": "It is sunny."}],
        tools=TOOLS, add_generation_prompt=False),
    dict(messages=say(HELLO) + [
        {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL(1, "weather", '{"city": "X"}'), CALL(2, "add", {"a": 1, "b": 2.5})]},
        {"role": "tool", "content": "{\"t\": 1}", "tool_call_id": "call00001"},
        {"role": "tool", "content": "3.5", "tool_call_id": "call00002"}], add_generation_prompt=True),
    dict(messages=say(HELLO) + [{"role": "assistant", "content": "a", "tool_calls": [CALL(3, "add", {}, wrap=False)]},
                                {"role": "tool", "content": "1", "tool_call_id": "call00003"}, {"role": "user", "content": "next"}]),
    dict(messages=say(("user", [{"type": "text", "text": "one"}, {"type": "image"}, {"type": "text", "text": "two"}]))),
    dict(messages=say(("system", [{"type": "text", "text": "sys"}, {"type": "text", "text": "tem"}]), HELLO), documents=DOCS[:1]),
    dict(messages=say(HELLO, ("assistant", "<think>\nhm, ok\n</think>\n\nOK."), ("user", "why?"),
                      ("assistant", "<think>because</think>So.")), add_generation_prompt=False),
    dict(messages=say(HELLO, ("assistant", "<think>\nhm, ok\n</think>\n\nOK."), ("user", "why?")), keep_thoughts=True),
    dict(messages=say(HELLO) + [{"role": "assistant", "reasoning_content": "\nlet me think\n", "content": "Yes."}]),
    dict(messages=say(HELLO), add_generation_prompt=True, enable_thinking=False),
    dict(messages=say(HELLO), add_generation_prompt=True, enable_thinking=True),
    dict(messages=say(HELLO), date_string="26 Jul 2024", add_generation_prompt=True),
    dict(messages=say(HELLO), use_clock=True),
    dict(messages=say(SYSTEM, HELLO), tools=TOOLS, tools_in_user_message=False, add_generation_prompt=True),
    dict(messages=say(SYSTEM), tools=TOOLS),
    dict(messages=say(HELLO, HELLO)),
    dict(messages=say(("assistant", "I begin."))),
    dict(messages=say(HELLO, ("narrator", "Meanwhile..."))),
    dict(messages=say(HELLO, ("assistant", "a"), SYSTEM, ("user", "b"))),
    dict(messages=say(HELLO) + [{"role": "tool", "content": "x", "tool_call_id": "short"}]),
    dict(messages=say(HELLO) + [{"role": "assistant", "content": None, "tool_calls": []}]),
    dict(messages=say(HELLO) + [{"role": "assistant", "content": None}]),
    dict(messages=say(HELLO) + [{"role": "assistant"}]),
    dict(messages=say(HELLO) + [{"role": "tool", "content": {"content": [1, {"a": None}]}, "tool_call_id": "abcdefghi"}]),
    dict(messages=[]),
    dict(messages=[], add_generation_prompt=True),
    dict(),
]
NAMES = ["granite", "smollm2", "chatml", "headers", "brackets"]


def chats(out):
    for name in NAMES:
        source = open(f"{HERE}templates/{name}.jinja", encoding="utf-8").read()
        good = 0
        for talk in TALKS:
            variables = {"bos_token": "<s>", "eos_token": "</s>", **talk}
            output, stage, line, error = ask("c", source, variables)
            row = {"template": name, "vars": variables}
            if output is None:
                row["line"] = line
                if type(error) is jinja2.TemplateError:
                    row["raised"] = str(error)
            else:
                row["want"] = output
                good += 1
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
        print(name, good, "of", len(TALKS), file=sys.stderr)


LITERALS = r"""
[1, 2, 3] ;; ['a', "it's"] ;; (1, 2) ;; (1,) ;; () ;; [] ;; {} ;; {'a': 1, 'b': [None, True, False]} ;; 1 ;; -1 ;; +5 ;; 1.5 ;; -1e3
1_000 ;; 0x1f ;; 0b11 ;; 0o7 ;; .5 ;; 5. ;; 'a' 'b' ;; 'a\n\t\x41\u00e9\'' ;; "\"" ;; r'\n' ;; u'x' ;; '''a'b''' ;; [1, 2,] ;; [[1], [2, [3]]]
1, 2 ;; None ;; True ;; [1 2] ;; [1,, 2] ;; [ ;; ] ;; '' ;; a ;; [a] ;; f(1) ;; 'open ;; {'a' 1} ;; {'a': } ;; 1 2 ;; -'a' ;; 1 + 2 ;; - -1
01 ;; 1__0 ;; '\q' ;; [1, # c ;; "é☃" ;; ['A. x', 'B. y'] ;; ["a", 'b', ] ;; [-1, +2, - 3] ;; {'a': {'b': ()}} ;; [1.0, 1e22, 1e-7] ;; true ;; null
[  ] ;; ( 1 , 2 ) ;; [None] ;; 'a'b ;; 1e ;; 1.e5 ;; 0 ;; 00 ;; -0.0 ;; Nonee ;; [True,False] ;; """.replace("\n", " ;; ").split(" ;; ")


def literals(out):
    """["text", repr of its value or null]; tuples read as lists."""
    def lists(v):
        if isinstance(v, (list, tuple)):
            return [lists(x) for x in v]
        return {k: lists(x) for k, x in v.items()} if isinstance(v, dict) else v
    for text in LITERALS:
        try:
            out.write(json.dumps([text, repr(lists(ast.literal_eval(text)))], ensure_ascii=False) + "\n")
        except (ValueError, SyntaxError, TypeError):
            out.write(json.dumps([text, None], ensure_ascii=False) + "\n")


def main():
    cases = Cases()
    if sys.argv[1:2] == ["--random"]:
        randoms(cases, int(sys.argv[2]), int(sys.argv[3]))
        cases.write(sys.stdout)
        return
    fixed(cases)
    randoms(cases, 1, 1200)
    with open(HERE + "template_cases.jsonl", "w", encoding="utf-8") as out:
        cases.write(out)
    with open(HERE + "template_chats.jsonl", "w", encoding="utf-8") as out:
        chats(out)
    with open(HERE + "template_literals.jsonl", "w", encoding="utf-8") as out:
        literals(out)
    print(len(cases.rows), "cases", file=sys.stderr)


main()
