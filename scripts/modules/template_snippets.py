"""Small templates for make-template-fixtures: each tries one construct, or one edge of it."""

VARIABLES = {
    "n": None, "yes": True, "no": False, "three": 3, "half": 0.5, "big": 1e16, "tiny": 1e-5,
    "text": "  Hello, World!  ", "word": "stra\u00dfe", "greek": "\u039f\u0394\u039f\u03a3 \u03a3\u03a3 \u03a3",
    "odd": "it's \"q\" \\ \n\t\x00\x7f\u00a0\u200b\U0001f600<&>", "crlf": "a\r\nb\rc\n",
    "accent": "e\u0301 \u00e9", "empty": "", "nothing": [],
    "list": [3, 1, 2], "words": ["b", "A", "c", "a"], "mixed": [1, "x", None, True, 2.5, [1], {"k": "v"}],
    "pairs": {"b": 1, "A": [2], "c": None}, "people": [
        {"name": "Ada", "age": 36, "tags": ["x"]}, {"name": "bob", "age": 41},
        {"name": "Cy", "age": None, "home": {"city": "Rom"}}],
    "items": {"items": "mine", "get": "no"},
}

SPACE = [
    "a\n{% if true %}\nb\n{% endif %}\nc\n", "  {% if true %}  x  {% endif %}  \n",
    "a  {%- if true -%}  b  {%- endif -%}  c", "a\n  {%+ if true %}b{% endif +%}\nc",
    "{{ 1 }}\n{{- 2 -}}\n 3", "a\n\n\n", "a\n", "\n", "", "{# c #}\nx{#- d -#}  y\n {# e #}  z",
    "{% raw %}{{ x }}{% if %}{% endraw %}\n!", "a {%- raw -%} {{ }} {%- endraw -%} b",
    "x\r\n{% if true %}\r\ny\r{% endif %}z", "{{ '{{' }}{{ \"%}\" }}", "a\u00a0{%- if true %}b{% endif %}",
    "{% set x = 1 %}\n  {% set y = 2 %}  \n{{ x }}{{ y }}", "line\n   {% for i in list %}\n   {{ i }}\n   {% endfor %}\nend",
    "{% if true %}{% endif %}   {% if true %}x{% endif %}", "{{ '\\u00e9\\x41\\101\\n\\'\\q' }}", "{{ 'a' 'b' \"c\" }}",
    "a {%  if true%}b{%endif%}", "{{ {'a': {'b': 1}} }}", "{{ {'a': {'b': 1}}}}",
]

EXPRESSIONS = [
    "n", "yes", "no", "three", "half", "big", "tiny", "1.0", "1e3", "123456789.125", "0.1 + 0.2", "1_000", "0x1F",
    "-three", "- -3", "+3", "--3", "2 + 3 * 4", "(2 + 3) * 4", "7 // 2", "-7 // 2", "7 % 3", "-7 % 3", "7 % -3", "7 / 2", "6 / 2",
    "2 ** 10", "2 ** 3 ** 2", "-2 ** 2", "1 / 0", "yes + 1", "half * 2", "'ab' * 3", "[1] * 2", "'a' + 'b'", "'a' + 1", "[1] + [2]",
    "'a' ~ 1 ~ none ~ true ~ 1.5", "1 + 2 ~ 3", "1 == 1.0", "true == 1", "'1' == 1", "none == none", "missing == other", "missing == none",
    "'a' < 'b'", "'Z' < 'a'", "1 < 2 < 3", "1 < 3 < 2", "[1, 2] < [1, 3]", "'a' < 1", "'ell' in text", "'x' not in text",
    "2 in list", "'b' in pairs", "1 in pairs", "'e' in accent", "'\\u00e9' in accent", "'\\n' in crlf", "'x' in missing", "1 in 'a'", "not yes", "not not yes", "yes and 0",
    "no or 'x'", "yes or 1 / 0", "1 if yes else 2", "1 if no else 2", "1 if no", "(1 if no) is defined", "1 if yes else 2 if no else 3",
    "list", "mixed", "pairs", "(1,)", "()", "(1, 2)", "{'a': 1, 'b': 'x'}", "odd", "[odd]", "[crlf]", "[\"it's\"]", "['\"']", "[half, big, tiny]", "{1: 2, none: 3, true: 4}",
    "list[0]", "list[-1]", "list[9]", "list[9] is defined", "text[2]", "accent[1]", "list[1:]", "list[::-1]", "list[:-1]", "list[-2:]", "list[::2]", "list[5:1:-1]", "text[2:7]",
    "text[::-1]", "list[1:2:1]", "list[::0]", "list[n:]", "pairs.b", "pairs['A'][0]", "pairs.zzz", "pairs.zzz.q", "n.x", "n.x.y", "list.0", "people[0].name", "people.1.age",
    "items['items']", "items.items", "items.items()|list", "items['get']", "missing", "missing.x", "missing[0]", "missing is defined", "missing|default('d')", "missing.x|default('d')", "'abc'.x is defined",
    "items.get('q')", "items.get('q', 5)", "pairs.keys()|list", "pairs.values()|list", "pairs.items()", "pairs.keys()", "'b' in pairs.keys()", "pairs.items()|length", "range(3)|list", "range(1, 8, 3)|list", "range(5, 0, -2)|list", "range(3)", "range(3)[1]",
    "range(1000000)|list", "dict(a=1, b=2)", "dict([('a', 1)])", "dict(pairs, z=1)", "namespace(a=1).a", "raise_exception('no')", "missing()", "three()", "nosuch.thing()",
]

METHODS = [
    "text.strip()", "text.lstrip()", "text.rstrip('! ')", "text.strip(' H!')", "'xxaxx'.strip('x')", "text.upper()", "word.upper()", "greek.lower()", "word.title()", "\"it's a dog\".title()",
    "word.capitalize()", "'\\u01c6a'.title()", "'a,b,,c'.split(',')", "'a,b,,c'.split(',', 1)", "'a b  c '.split()", "' a b  c '.split(none, 1)", "'a,b,c'.rsplit(',', 1)", "''.split()", "''.split(',')", "'a'.split('')",
    "crlf.split('\\n')", "crlf.splitlines()", "crlf.splitlines(true)", "text.startswith('  He')", "text.endswith('!')", "text.startswith(('x', ' '))", "'abc'.replace('b', 'xx')", "'aaa'.replace('a', 'b', 2)", "'ab'.replace('', '-')", "'ab'.replace('', '-', 2)", "'ab'.replace('', '-', 3)",
    "crlf.replace('\\n', '|')", "accent.replace('e', 'E')", "', '.join(words)", "'-'.join(list)", "text.find('World')", "text.find('zzz')", "accent.find('\\u00e9')", "'abab'.rfind('ab')", "'aXbXc'.count('X')", "'abc'.index('c')", "'abc'.index('z')", "'a=b=c'.partition('=')", "'a=b=c'.rpartition('=')", "'abc'.partition('x')",
    "'{} {}'.format(1, 'x')", "'{1}{0}'.format('a', 'b')", "'{n}{{}}'.format(n=5)", "'{:>5}'.format('a')", "'{}'.format()", "'prefix-x'.removeprefix('prefix-')", "'x.txt'.removesuffix('.txt')",
    "'12'.isdigit()", "'a1'.isalpha()", "'a1'.isalnum()", "' '.isspace()", "'Ab'.isupper()", "'AB1'.isupper()", "''.isdigit()", "list.append(4)", "pairs.update({})", "pairs.pop('b')", "list.index(1)", "list.count(3)", "'abc'.zfill(5)", "'a'.encode()", "text.__class__", "pairs.copy()",
]

FILTERS = [
    "text|trim", "'xax'|trim('x')", "text|upper", "greek|lower", "'hELLO wORLD'|capitalize", "'hello-world (foo) bar'|title", "text|length", "accent|length", "pairs|length", "list|count", "three|length", "n|length",
    "list|join", "list|join(', ')", "people|join(', ', attribute='name')", "'abc'|join('-')", "words|first", "words|last", "nothing|first", "nothing|last is defined", "'abc'|first", "'abc'|list", "pairs|list", "list|reverse|list", "'abc'|reverse", "pairs|items|list", "missing|items|list", "list|items",
    "list|sort", "list|sort(reverse=true)", "words|sort", "words|sort(case_sensitive=true)", "people|sort(attribute='name')|map(attribute='name')|list", "mixed|sort", "list|min", "list|max", "words|max", "nothing|min is defined", "list|sum", "words|sum", "words|unique|list", "[1, 1.0, true, 2]|unique|list",
    "pairs|dictsort", "pairs|dictsort(true)", "pairs|dictsort(reverse=true)", "{'a': 2, 'b': 1}|dictsort(by='value')", "list|dictsort",
    "people|selectattr('age')|map(attribute='name')|list", "people|rejectattr('age')|list|length", "people|selectattr('age', 'gt', 36)|list|length", "people|selectattr('name', 'equalto', 'Ada')|list", "people|selectattr('tags', 'defined')|list|length", "people|map(attribute='home.city', default='-')|join(',')", "people|map(attribute='home.city')|list|length",
    "words|map('upper')|list", "words|map('replace', 'b', 'z')|join", "list|select('odd')|list", "list|reject('equalto', 3)|list", "mixed|select|list|length", "mixed|select('string')|list", "n|selectattr('x')|list", "n|map('upper')|list", "list|map('nosuch')|list",
    "'3'|int", "'x'|int", "'x'|int(7)", "'3.9'|int", "3.9|int", "-3.9|int", "true|int", "none|int", "' 12 '|int", "missing|int", "'1.5'|float", "'x'|float", "3|float", "-3|abs", "2.5|abs", "3|string ~ '!'", "none|string", "list|string", "1.0|string",
    "'a'|default('b')", "''|default('b')", "''|default('b', true)", "none|default('b')", "none|d('b', boolean=true)", "missing|default", "'a b'|replace(' ', '_')", "12|replace(1, 'x')", "'aaa'|replace('a', 'b', 2)",
    "'a\\nb\\n\\nc'|indent", "'a\\nb'|indent(2, true)", "'a\\n\\nb'|indent(2, blank=true)", "'a\\nb'|indent('> ')", "'a\\nb\\n'|indent(width=1, first=true)",
    "pairs|tojson", "odd|tojson", "odd|tojson(ensure_ascii=true)", "mixed|tojson", "mixed|tojson(indent=2)", "pairs|tojson(indent=4)", "pairs|tojson(separators=(',', ':'))", "{'b': 1, 'a': 2}|tojson(sort_keys=true)", "[]|tojson(indent=2)", "{}|tojson", "(1, 2)|tojson", "missing|tojson", "[big, tiny, half, 1.0]|tojson", "{1: 2, none: 3}|tojson", "'\\u2028'|tojson", "range(2)|tojson", "pairs.items()|tojson",
    "'<b>'|safe", "'<b>'|safe + '<i>'", "'<i>' + '<b>'|safe", "('<b>'|safe) ~ '<i>'", "'x'|safe == 'x'", "text|nosuch", "3 | string | length", "-3|string", "-three|abs", "text|trim|upper|length + 1", "'a' ~ 'b'|upper",
]

TESTS = [
    f"{value} is {test}"
    for test in ["defined", "none", "string", "mapping", "iterable", "sequence", "number", "integer", "float", "boolean", "true", "false", "callable"]
    for value in ["missing", "n", "yes", "three", "half", "text", "list", "pairs", "(1, 2)", "pairs.items()", "words|map('upper')", "range(2)", "namespace()"]
] + [
    "3 is odd", "4 is even", "9 is divisibleby 3", "'a' is equalto 'a'", "3 is eq(3)", "3 is ne 4", "3 is gt 2", "3 is lessthan 2", "'a' is in 'abc'", "3 is not in list", "'ab' is lower", "'AB' is upper", "1 is not none", "missing is not defined", "missing is undefined", "not missing is defined", "3 is odd and 4 is odd", "text is string and text", "3 is nosuch", "three is sameas 3",
]

STATEMENTS = [
    "{% if no %}a{% elif three == 3 %}b{% else %}c{% endif %}", "{% for x in nothing %}a{% else %}none{% endfor %}", "{% for x in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}",
    "{% for k, v in pairs.items() %}{{ k }}={{ v }},{% endfor %}", "{% for k in pairs %}{{ k }}{% endfor %}", "{% for c in accent %}[{{ c }}]{% endfor %}", "{% for x in three %}{% endfor %}", "{% for x in n %}{% endfor %}", "{% for x in missing %}a{% else %}b{% endfor %}", "{% for a, b in [[1, 2], [3, 4]] %}{{ a + b }} {% endfor %}", "{% for a, b in [[1]] %}{% endfor %}",
    "{% for x in list if x > 1 %}{{ x }}{{ loop.last }}{{ loop.index }}{% endfor %}", "{% for x in list if x > 9 %}{{ x }}{% else %}none{% endfor %}", "{% for x in list if x > 1 %}{{ loop.length }}{{ x }}{{ loop.nextitem }} {% endfor %}", "{% for x in list %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "{% for x in list %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% break %}",
    "{% for x in list %}{% for y in words %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}", "{% for x in list %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for x in [1, 1, 2] %}{{ loop.changed(x) }}{% endfor %}", "{{ loop }}", "{% for x in (1, 2), (3, 4) %}{{ x }}{% endfor %}", "{% for x in 1, 2 %}{{ x }}{% endfor %}",
    "{% set x = 1 %}{% for i in list %}{{ x }}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}", "{% set x = 1 %}{% if yes %}{% set x = 2 %}{% endif %}{{ x }}", "{% for i in list %}{% if loop.first %}{% set y = i %}{% endif %}{{ y }};{% endfor %}{{ y is defined }}", "{% set ns = namespace(x=0) %}{% for i in list %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b is defined }}", "{% set a.b = 1 %}", "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a + ns.b }}", "{% set ns = namespace() %}{% set ns._x = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a = 1, 2 %}{{ a }}", "{% set (a, b) = 'xy' %}{{ b }}{{ a }}", "{% set a, (b, c) = 1, (2, 3) %}{{ a + b + c }}", "{% set x %}  a{{ 1 }} {% endset %}[{{ x }}]", "{% set x | trim | upper %}  a{{ 1 }} {% endset %}[{{ x }}]", "{% set x %}{% set y = 1 %}{% endset %}{{ y is defined }}",
    "{% macro m(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(b=4, a=5) }} {{ m() }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(c=2) }}", "{% macro m(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, c=3) }}", "{% macro m(n) %}{{ n }}{% if n > 0 %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(3) }}", "{% set x = 1 %}{% macro m() %}{{ x }}{% set x = 5 %}{{ x }}{% endmacro %}{% set x = 2 %}{{ m() }}{{ x }}", "{% for x in list %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "{% macro m() %}{{ y }}{% endmacro %}{% for y in list %}{{ m() }}{% endfor %}", "{% macro m(a, b=a) %}{{ b }}{% endmacro %}{{ m(7) }}", "{% macro m() %}  a\n{% endmacro %}[{{ m() | trim }}]", "{% macro m(x) %}{{ loop is defined }}{% endmacro %}{% for i in list %}{{ m(i) }}{% endfor %}", "{{ m() }}{% macro m() %}x{% endmacro %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}", "{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% filter upper %}a{{ text }}{% endfilter %}", "{% filter trim | replace('a', 'b') %} a {% endfilter %}", "a{% generation %}b{{ 1 }}{% endgeneration %}c", "{% generation %}{% set q = 1 %}{% endgeneration %}{{ q is defined }}",
    "{% for x in list if ns is defined %}{{ x }}{% endfor %}", "{% set f = namespace(on=true) %}{% for x in list if f.on %}{{ x }}{% set f.on = false %}{% endfor %}", "{% set f = namespace(on=true) %}{% for x in list if f.on %}{{ x }}{{ loop.last }}{% set f.on = false %}{% endfor %}", "{% set g = words | map('upper') %}{{ g | list }}{{ g | list }}", "{% set g = words | select %}{{ g | first }}{{ g | list }}", "{{ 1, 2 }}", "{% if 1, 2 %}x{% endif %}",
    "{% if x %}", "{% endif %}", "{% for %}{% endfor %}", "{{ }}", "{{ 1 + }}", "{% nosuch %}", "{{ 'a }}", "{{ (1 }}", "{% if yes %}{% endfor %}", "{{ a b }}", "{% set true = 1 %}", "{# open", "{% raw %}", "{% if no %}{{ text | nosuch }}{% endif %}ok", "{% if yes %}{{ text | nosuch }}{% endif %}", "{{ text | nosuch }}", "{% for x in list %}{{ x }}{% endfor x %}",
]

# Found by mutating the others: what Python refuses in small ways.
REFUSALS = [
    "{{ list|sort(reverse=missing) }}", "{{ pairs|dictsort(reverse=pairs) }}", "{{ 'a'|replace('b') }}",
    "{{ namespace(missing) }}", "{{ pairs.items(1)|length }}", "{{ 01 + 1 }}", "{{ 00 }}", "{{ n[:-1] }}",
    "{{ words|title('x') }}", "{% for k, in pairs %}{% endfor %}", "{{ 'a'|trim(3) }}",
    "{{ text is defined if yes }}",
]

SNIPPETS = REFUSALS + SPACE + ["{{ " + expression + " }}" for expression in EXPRESSIONS + METHODS + FILTERS + TESTS] + STATEMENTS
