"""Templates of one construct each; make_chat_golden.py renders them."""

MESSAGES = [
    {"role": "system", "content": " Be brief. "},
    {"role": "user", "content": "Was ist 2 + 2?\nÜber — 数学"},
    {"role": "assistant", "content": "<think>\nadd\n</think>\n\n4"},
    {"role": "user", "content": "it's \"quoted\" \\ and\ttabbed"},
]
CONTEXT = {
    "messages": MESSAGES,
    "add_generation_prompt": True,
    "tools": None,
    "bos_token": "<s>",
    "n": 7, "x": 2.5, "t": True, "none_value": None,
    "text": "  Hello, World!  ", "word": "abc", "empty": "", "zero": 0,
    "list": [3, 1, 2], "names": ["b", "A", "c", "a"], "nested": [[1, 2], [3]],
    "d": {"b": 1, "a": "x", "c": [1, {"k": None}]},
    "people": [{"name": "Ann", "age": 3}, {"name": "Bob", "age": 1},
               {"name": "Cy"}],
    "unicode": "Ünïcödé 数学 \U0001F600", "lines": "one\ntwo\n\nthree\n",
    "items": 5,
}

CASES = r'''
plain text
{{ bos_token }}
{{ missing }}|
{{ missing.attribute }}
{{ missing['item'] }}
{{ missing() }}
{{ missing + 'a' }}
{{ missing ~ 'a' }}
{{ missing == missing }} {{ missing is defined }} {{ missing is undefined }} {{ not missing }}
{{ missing | length }} {{ missing | list }} {{ missing | upper }} {{ missing | trim }}|
{{ missing | tojson }}
{{ missing < 1 }}
{{ 'x' in missing }}
{% for a in missing %}x{% else %}none{% endfor %}
{{ d.missing is defined }} {{ d.a is defined }} {{ d['b'] }} {{ d.c[1].k }}
{{ d['items'] is defined }}
{{ list[0] }} {{ list[-1] }} {{ list[9] is defined }} {{ list.0 }}
{{ word[0] }}{{ word[-1] }}{{ word[9] is undefined }}
{{ word[1:] }} {{ word[:-1] }} {{ word[::-1] }} {{ word[::2] }} {{ word[5:] }}|{{ word[-2:9] }}
{{ list[1:] }} {{ list[::-1] }} {{ list[:2] }} {{ list[2:0:-1] }} {{ list[-1:-4:-2] }} {{ list[:] }}
{{ list[::0] }}
{{ unicode[0] }}{{ unicode[8:10] }}{{ unicode[-1] }} {{ unicode | length }} {{ unicode[::-1] }}
{{ 1 + 2 * 3 }} {{ (1 + 2) * 3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 8 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }}
{{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 1e3 }} {{ 1.5e-7 }} {{ 1e16 }} {{ 123456789012345.5 }} {{ 0.1 + 0.2 }} {{ 1/3 }}
{{ 1_000 + 1 }} {{ -n }} {{ +n }} {{ - 3 | abs }} {{ -3 ** 2 }} {{ 2 ** 3 ** 2 }}
{{ 1 / 0 }}
{{ 1 % 0 }}
{{ 'a' + 1 }}
{{ 'a' * 3 }} {{ 3 * 'ab' }} {{ [1] * 2 }} {{ 'a' * -1 }}|
{{ [1] + [2, 3] }} {{ (1,) + (2,) }}
{{ [1] + (2,) }}
{{ true + true }} {{ true == 1 }} {{ 1 == 1.0 }} {{ 'a' == 'a' }} {{ none == none }} {{ 1 == '1' }}
{{ 1 < 2 }} {{ 1 < 2 < 3 }} {{ 3 > 2 >= 2 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 1 <= 1.5 }} {{ 1 < 2 > 5 }}
{{ 'a' < 1 }}
{{ none < 1 }}
{{ 'b' in word }} {{ 'z' in word }} {{ 3 in list }} {{ 'a' in d }} {{ 'x' not in word }} {{ not 'x' in word }} {{ '' in word }}
{{ 1 in word }}
{{ 1 in n }}
{{ true and false or true }} {{ not true or true }} {{ 1 and 'x' }} {{ 0 or 'y' }} {{ '' and 1 }}| {{ none or none }}
{{ 'yes' if t else 'no' }} {{ 'yes' if not t }}|{{ 'a' if zero else 'b' if empty else 'c' }}
{{ 'a' ~ 1 ~ none ~ 2.0 ~ true }} {{ 1 ~ 2 * 3 }}
{{ 1 ~ 2 + 3 }}
{{ true }} {{ True }} {{ false }} {{ none }} {{ None }} {{ 1.0 }} {{ [true, none, 'a', "b'", 1.5] }} {{ {'k': (1,)} }}
{{ d }} {{ nested }} {{ () }} {{ (1, 2) }} {{ [] }} {{ {} }}
{{ messages[3].content }} {{ [messages[3].content] }}
{{ ['\x00\x7f\u00a0\u3000é'] }}
{{ 'a\tb\nc\\d\'e\"f' }} {{ "\x41\u00e9\101" }} {{ '\q' }} {{ 'one' 'two' }}
{{ 1, 2 }} {{ 1, }}
{{ {'a': 1, 'b': [1, 2]}['b'][1] }} {{ {'a': 1}.a }} {{ {1: 'i', none: 'n'}[none] }} {{ {1: 'i'}[true] }}
{{ {[1]: 2} }}
{# comment #}after
a{# comment -#}   b
a   {#- comment #}b
{%- if t -%}   yes   {%- endif -%}   end
a  {%- if t %} b {% endif -%}  c
a {{- word -}} b
{% raw %}{{ not evaluated }} {% if %}{% endraw %}!
{% if zero %}a{% elif empty %}b{% elif t %}c{% else %}d{% endif %}
{% if zero %}a{% elif empty %}b{% else %}d{% endif %}
{% if n is divisibleby 7 %}seven{% endif %} {% if n is odd %}odd{% endif %}{{ n is even }}
{% if messages and messages[0].role == 'system' %}{{ messages[0].content | trim }}{% endif %}
{% for m in messages %}[{{ m.role }}]{% endfor %}
{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}
{% for i in list %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {% endfor %}
{% for i in list %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}
{% for i in list %}{{ loop.cycle('a', 'b') }}{{ loop.depth }}{% for j in list %}{{ loop.depth0 }}{% endfor %}{% endfor %}
{% for m in messages if m.role == 'user' %}{{ loop.index }}/{{ loop.length }} {% else %}none{% endfor %}
{% for m in messages if m.role == 'tool' %}x{% else %}none{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for k in d %}{{ k }}{% endfor %} {% for c in word %}{{ c }}.{% endfor %}
{% for a, b in [(1, 2), [3, 4]] %}{{ a }}{{ b }} {% endfor %}
{% for (a, b) in [(1, 2)] %}{{ a }}{{ b }}{% endfor %}
{% for a, b in [1] %}{{ a }}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}
{% for a in 5 %}{{ a }}{% endfor %}
{% for i in range(10) %}{% if i == 3 %}{% continue %}{% endif %}{% if i > 5 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in range(3) %}{% for j in range(3) %}{% if j == 1 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}
{% break %}
{{ range(3) | list }} {{ range(1, 4) | list }} {{ range(5, 0, -2) | list }} {{ range(0) | list }}
{% for i in range(3) %}{% set y = i %}{{ y }}{% endfor %}{{ y is defined }}
{% set y = 1 %}{% for i in range(3) %}{{ y }}{% set y = y + i %}{{ y }} {% endfor %}{{ y }}
{% set ns = namespace(found=false, n=1) %}{% for i in range(3) %}{% set ns.n = ns.n + i %}{% set ns.found = true %}{% endfor %}{{ ns.n }}{{ ns.found }}{{ ns.other is defined }}
{% set ns = namespace({'a': 1}) %}{{ ns.a }}{% set ns.b = 2 %}{{ ns.b }} {{ ns['a'] }}
{% set d.a = 1 %}
{% set ns = namespace() %}{% set ns._x = 1 %}
{% set a = 1 %}{% if t %}{% set a = 2 %}{% endif %}{{ a }}
{% set a, b = 1, 2 %}{{ a }}{{ b }} {% set a, b = b, a %}{{ a }}{{ b }}
{% set a = 1, 2 %}{{ a }}
{% set block | upper | replace('B', 'x') %}ab{{ word }}{% endset %}[{{ block }}]
{% set x %}{% set inner = 1 %}{% endset %}{{ inner is defined }}
{% set loop_value = [] %}{% for i in list %}{% set loop_value = loop_value + [i] %}{% endfor %}{{ loop_value }}
{% macro hello(name, greeting='Hi', mark=greeting ~ '!') %}{{ greeting }} {{ name }}{{ mark }}{% endmacro %}{{ hello('A') }} {{ hello('B', 'Yo') }} {{ hello(name='C', mark='?') }} {{ hello() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro outer(n) %}{{ n }}{% if n > 0 %}{{ outer(n - 1) }}{% endif %}{% endmacro %}{{ outer(5) }}
{% set g = 1 %}{% macro reads() %}{{ g }}{% set g = 5 %}{% endmacro %}{{ reads() }}{{ g }}
{% with a = 1, b = word %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}
{% filter upper | replace('B', '-') %}ab{{ word }}{% endfilter %}
{% generation %}{{ word }}{% set inner = 1 %}{% endgeneration %}{{ inner is defined }}
{{ text | trim }}| {{ text | upper }} {{ text | lower }} {{ word | capitalize }} {{ 'hELLO wORLD-foo (bar' | title }} {{ 'hELLO wORLD-foo' .title() }}
{{ '--a-' | trim('-') }} {{ unicode | upper }} {{ unicode | lower }} {{ 'straße' | upper }} {{ 'ǅ' | lower }}
{{ '\u3000\u00a0 a \x1f\x85' | trim }}|
{{ d | tojson }} {{ messages | tojson }} {{ text | tojson }} {{ none | tojson }} {{ 1.0 | tojson }} {{ true | tojson }} {{ '</script>&' | tojson }}
{{ d | tojson(indent=2) }}
{{ [] | tojson(indent=4) }} {{ {} | tojson(indent=4) }} {{ nested | tojson(indent=1) }}
{{ d | tojson(sort_keys=true) }} {{ unicode | tojson(ensure_ascii=true) }} {{ d | tojson(separators=(',', ':')) }} {{ {1: 2, none: 3, true: 4, 1.5: 1} | tojson }}
{{ '\x00\x1f\x7f\u2028\b\f' | tojson }}
{{ range | tojson }}
{{ word | length }} {{ list | length }} {{ d | length }} {{ messages | count }} {{ '数学' | length }}
{{ n | length }}
{{ none | length }}
{{ list | join(', ') }} {{ names | join }} {{ d | join('-') }} {{ people | join(',', attribute='name') }} {{ word | join('.') }} {{ [1, none, 'a'] | join('|') }}
{{ list | first }} {{ list | last }} {{ word | first }}{{ word | last }} {{ [] | first is defined }} {{ d | first }} {{ d | last }}
{{ 'aXbXc' | replace('X', '-') }} {{ 'aaa' | replace('a', 'b', 2) }} {{ 5 | replace(5, 6) }} {{ 'ab' | replace('', '.') }}
{{ missing | default('dflt') }} {{ empty | default('dflt') }}| {{ empty | default('dflt', true) }} {{ none | d('x', boolean=true) }} {{ missing | default }}|{{ none | default('x') }}
{{ '<b>' | safe }} {{ '<b>&"\'' | e }} {{ '<' | escape }} {{ 5 | string + 'x' }}
{{ word | list }} {{ d | list }} {{ (1, 2) | list }}
{{ d | items | list }} {{ missing | items | list }} {{ d.items() | list }} {{ d.keys() | list }} {{ d.values() | list }}
{{ people | map(attribute='name') | join(',') }} {{ people | map(attribute='age', default=0) | list }} {{ names | map('upper') | list }} {{ list | map('string') | join('+') }} {{ names | map('replace', 'a', 'z') | join }}
{{ people | selectattr('age') | map(attribute='name') | join }} {{ people | selectattr('age', 'defined') | list | length }} {{ people | rejectattr('age', 'defined') | map(attribute='name') | join }} {{ people | selectattr('name', 'equalto', 'Bob') | list }} {{ messages | selectattr('role', 'in', ['user', 'system']) | list | length }}
{{ list | select('gt', 1) | list }} {{ list | reject('odd') | list }} {{ [0, 1, '', 'a'] | select | list }} {{ [0, 1] | reject | list }}
{{ '42' | int }} {{ '4.7' | int }} {{ 'x' | int }} {{ 'x' | int(5) }} {{ 4.9 | int }} {{ -4.9 | int }} {{ true | int }} {{ none | int }} {{ ' 7 ' | int }}
{{ '4.5' | float }} {{ 3 | float }} {{ 'x' | float }} {{ '1e3' | float }} {{ none | float(2.5) }}
{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.567 | round(2) }} {{ 2.1 | round(method='ceil') }} {{ 2.9 | round(0, 'floor') }} {{ 7 | round }} {{ 2.675 | round(2) }} {{ -2.5 | round | int }}
{{ -5 | abs }} {{ 5.5 | abs }} {{ list | sum }} {{ people | selectattr('age', 'defined') | sum(attribute='age') }} {{ list | sum(start=10) }} {{ [] | sum }} {{ [0.5, 1] | sum }}
{{ list | min }} {{ list | max }} {{ names | max }} {{ names | min }} {{ [] | min is defined }} {{ people[:2] | max(attribute='age') }}
{{ list | sort }} {{ list | sort(reverse=true) }} {{ names | sort }} {{ names | sort(case_sensitive=true) }} {{ people[:2] | sort(attribute='age') | map(attribute='name') | join }}
{{ [1, 'a'] | sort }}
{{ list | reverse | list }} {{ word | reverse }} {{ [1, 1, 2, 1] | unique | list }} {{ names | unique | list }} {{ names | unique(case_sensitive=true) | list }}
{{ d | dictsort | map('first') | join }} {{ {'b': 2, 'A': 3, 'c': 1} | dictsort(by='value') }} {{ {'b': 2, 'A': 3} | dictsort(true) }} {{ {'b': 2, 'A': 3} | dictsort(reverse=true) }}
{{ lines | indent }}| {{ lines | indent(2, first=true) }}| {{ lines | indent(2, blank=true) }}| {{ lines | indent('> ') }}|
{{ 'x' | nofilter }}
{{ 'x' is notest }}
{{ n is number }} {{ x is number }} {{ t is number }} {{ word is number }} {{ n is integer }} {{ t is integer }} {{ x is float }} {{ t is boolean }} {{ n is boolean }} {{ t is true }} {{ t is false }} {{ 1 is true }}
{{ word is string }} {{ list is string }} {{ d is mapping }} {{ list is mapping }} {{ word is iterable }} {{ n is iterable }} {{ d is iterable }} {{ word is sequence }} {{ list is sequence }} {{ d is sequence }} {{ n is sequence }} {{ missing is iterable }}
{{ none is none }} {{ none_value is none }} {{ missing is none }} {{ n is not none }} {{ word is not string }} {{ not word is string }}
{{ 3 is eq 3 }} {{ 3 is equalto(3) }} {{ 3 is ne 4 }} {{ 3 is lt 4 }} {{ 3 is ge 3 }} {{ 3 is le 2 }} {{ 3 is gt 2 }} {{ 3 is in [1, 3] }} {{ 3 is not in [1, 3] }} {{ 'ab' is lower }} {{ 'AB' is upper }} {{ 'Ab' is upper }} {{ none is sameas none }}
{{ 'x' if word is string and n is number else 'y' }} {{ word is string or zero }}
{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a b c'.split(' ', 1) }} {{ 'a b c'.split(None, 1) }} {{ 'a.b.c'.rsplit('.', 1) }} {{ 'abc'.split('x') }} {{ ''.split() }} {{ ''.split(',') }} {{ ' a b c '.rsplit(None, 1) }} {{ 'a b  c '.split(maxsplit=1) }}
{{ 'abc'.split('') }}
{{ messages[2].content.split('</think>')[-1].lstrip('\n') }} {{ messages[2].content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') }}
{{ '  a '.strip() }}|{{ '  a '.lstrip() }}|{{ '  a '.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ '\n\na\n'.lstrip('\n') }}|{{ 'abcab'.strip('ba') }}|{{ 'aé'.strip('é') }}
{{ word.startswith('a') }} {{ word.endswith('bc') }} {{ word.startswith(('x', 'a')) }} {{ word.endswith('') }} {{ word.startswith('abcd') }}
{{ word.startswith(1) }}
{{ word.replace('b', 'x') }} {{ 'aaa'.replace('a', 'b', 1) }} {{ word.find('c') }} {{ word.find('z') }} {{ unicode.find('数') }} {{ 'abcabc'.rfind('b') }} {{ word.index('b') }} {{ 'aaa'.count('a') }} {{ 'aaa'.count('') }} {{ list.count(3) }} {{ list.index(1) }}
{{ word.index('z') }}
{{ word.upper() }} {{ 'ABC'.lower() }} {{ 'hello wORLD'.title() }} {{ 'hello wORLD'.capitalize() }} {{ ', '.join(names) }} {{ ''.join(['a', 'b']) }} {{ "they're bill's".title() }}
{{ ','.join([1]) }}
{{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('c') }} {{ 'abc'.removeprefix('x') }} {{ 'a-b-c'.partition('-') }} {{ 'a-b-c'.rpartition('-') }} {{ 'abc'.partition('-') }}
{{ '12'.isdigit() }} {{ '1a'.isdigit() }} {{ 'ab'.isalpha() }} {{ 'a1'.isalnum() }} {{ '  '.isspace() }} {{ ''.isspace() }} {{ 'ab'.islower() }} {{ 'AB1'.isupper() }}
{{ lines.splitlines() }} {{ 'a\r\nb\rc'.splitlines() }} {{ ''.splitlines() }}
{{ d.get('a') }} {{ d.get('zz') }} {{ d.get('zz', 'dflt') }} {{ 'a' in d.keys() }} {{ d.values() | list | length }}
{{ list.append(4) }}
{{ d.update({'z': 1}) }}
{{ d.pop('a') }}
{{ messages.__class__ }}
{{ ''.__class__.__mro__ }}
{{ word.nomethod() }}
{{ raise_exception('stop ' ~ n) }}
{{ strftime_now('%d %b %Y') }} {{ strftime_now('%Y-%m-%d') }} {{ strftime_now is defined }}
{{ dict(a=1, b='x') }} {{ dict({'a': 1}, b=2) }} {{ dict([('k', 'v')]) }} {{ dict() }}
{{ namespace is defined }} {{ range is defined }} {{ raise_exception is defined }}
{% include 'x' %}
{% import 'x' as y %}
{% extends 'x' %}
{% unknown %}
{% if t %}open
{% endif %}
{{ 'open }}
{{ word
{% if t
{{ }}
{{ 1 + }}
{{ (1 }}
{{ 1 2 }}
{{ word | }}
{{ word is }}
{# open
{{ a.1 is defined }} {{ nested.0.1 }}
{{ '%s' }} {{ '{}' }} {{ '{{' }} {{ "}}" }}
{{ {'a': {'b': 1}} }} {{ {'a': {'b': 1}}['a']['b'] }}
{% set tool_call = {'name': 'f', 'arguments': {'x': 1}} %}{{ '{"name": "' + tool_call.name + '", "arguments": ' + (tool_call.arguments | tojson) + '}' }}
{% set loop_messages = messages[1:] if messages[0]['role'] == 'system' else messages %}{{ loop_messages | length }}
{% set content = '<|start_header_id|>' + messages[1]['role'] + '<|end_header_id|>\n\n' + messages[1]['content'] | trim + '<|eot_id|>' %}{{ content }}
{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{{ index }}{{ message.role[0] }}{%- endfor %}
{% if not date_string is defined %}{% set date_string = '26 Jul 2024' %}{% endif %}{{ date_string }}
{% if tools is not none and tools | length > 0 %}tools{% else %}no tools{% endif %} {{ tools is none }} {{ tools is defined }}
{% set a = namespace(list=[]) %}{% for i in range(3) %}{% set a.list = a.list + [i * i] %}{% endfor %}{{ a.list }} {{ a.list | sum }}
{% if items is defined %}{{ items }}{% endif %} {{ items + 1 }}
{% for m in messages %}{% if loop.first and m.role != 'system' %}first{% endif %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
{{ messages[-1]['content'] }} {{ messages[-1].role }} {{ (messages | last).role }} {{ messages[1].content | length }}
{% for m in messages | reverse %}{{ m.role }} {% endfor %}{% for a in list | sort %}{{ a }}{% endfor %}
{{ 9223372036854775807 }} {{ -9223372036854775807 - 1 }}
{% set x = 5 %}{{ x if x > 3 else 'small' }} {{ (x if x > 3 else 'small') ~ '!' }} {{ x > 3 and 'big' or 'small' }}
{{ [1, [2, [3]]] == [1, [2, [3]]] }} {{ {'a': 1} == {'a': 1.0} }} {{ (1,) == [1] }} {{ 'a' != 'b' }} {{ [] == [] }}
{% for a in [[1, 2], [3]] %}{% for b in a %}{{ loop.index }}{{ b }}{% else %}-{% endfor %};{% endfor %}
{{ [1, 2, 3,] }} {{ {'a': 1,} }} {{ (1, 2,) }}
{{ not true }} {{ not not true }} {{ not 0 == 1 }}
{{ 'a{}b{}'.format(1, word) }} {{ '{1}{0}{{}}'.format('x', 2) }} {{ '{a}-{b}'.format(a=1, b=none) }} {{ word.format() }}
{{ '{}'.format() }}
{{ '{'.format(1) }}
{{ '{a}'.format(1) }}
{{ none | selectattr('a') | list }} {{ none | select | list }} {{ none | map('upper') | list }} {{ missing | rejectattr('a') | list | length }} {{ 0 | map(attribute='x') | list }} {{ '' | reject | list }}
{{ 7 | select | list }}
{{ word.upper().lower()[0:2] | upper }} {{ (word ~ 'd')[-1] }} {{ [word][0][0] }}
'''

# One case a line; templates of several lines follow.
def cases():
    multi = [
        "{% set block %}in {{ word }}\n{% endset %}[{{ block }}]",
        "{% macro text() %}  a\n  {%- if true %} b{% endif %}\n"
        "{% endmacro %}[{{ text() | trim }}]{{ text() is string }}"
        "{{ text is callable }}", "  {# comment alone #}\nnext",
        "{% if t %}\n  yes\n{% endif %}\nend\n", "a\n\n", "\n\na\n",
        "  {% if t %}x{% endif %}\n    {% if t %}\n    y\n    {% endif %}\n"
        "  {{ word }}\nz", "{{ word }}\n{{ word }}\n", "{{ word -}}\n   b",
        "a\n   {{- word }}", "a\n {%- set x = 1 -%}\n b", "a\n {# c #}\n b",
        "a\n {#- c -#}\n b", "   {%+ if t %}kept{% endif %}\n",
        "{% if t +%}\nkept{% endif %}", "{% for i in list %}\n  {{ i }}\n"
        "{% endfor %}\ndone", "{% for i in list -%}\n  {{ i }}\n{%- endfor %}",
        "{%- macro m() %}\n  x\n{%- endmacro %}\n{{ m() }}",
        "{% set x %}\n a\n{% endset %}\n[{{ x }}]", "a\r\nb\rc{{ '\r\n' }}",
        "{{ 'a\nb' }}", "{% raw %}\n{{ x }}\n{% endraw %}\nb",
        "  {% raw -%}   a  {%- endraw %}  \nb", "{% set x = 1 %}\n\n{{ x }}",
        "{%if t%}a{%endif%}{{word}}{{-word-}}", "\t{% if t %}\ta{% endif %}",
        "a {% if t %}\n  b\n {% endif %} c", "{% if t %}{% endif %}  \n  x",
        "{{ word }}  {% if t %}\n{% endif %}\n", "line\n{{ 1 +\n 'a' }}",
        "{% if t -%}\n\n  a\n\n{%- else -%} b {%- endif %}\n",
    ]
    return [line for line in CASES.split("\n") if line] + multi
