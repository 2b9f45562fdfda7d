"""Conversations and variables that the judges of chat templates render."""


def message(role, content, **more):
    return {"role": role, "content": content, **more}


def call(name, arguments, identity="call00001"):
    return {"id": identity, "type": "function",
            "function": {"name": name, "arguments": arguments}}


SYSTEM = message("system", "You are a terse assistant.")
HELLO = message("user", "Hello there!")
ANSWER = message("assistant", "General greetings.")
AGAIN = message("user", "What is 2 + 2?")
FOUR = message("assistant", "It is 4.")
ODD = ("  <b>\"Tom\" & 'Jerry'</b>\n\n{{ not }} {% code %} \\n \u00e9\u0301 \u65e5\u672c \U0001f469\u200d\U0001f680"
       "\t\u00a0end  \n")
THOUGHT = "<think>\nTwo and two.\n</think>\n\nFour <|im_end|> [INST] </s>"
SCHEMA = {"type": "object", "required": ["city"], "properties": {
    "city": {"type": "string", "description": "Name of the \"city\""},
    "unit": {"type": "string", "enum": ["C", "F"], "default": "C"},
    "days": {"type": "array", "items": {"type": "integer"}},
    "place": {"type": "object", "properties": {"lat": {"type": "number"}}}}}
TOOL = {"type": "function", "function": {
    "name": "get_weather", "description": "Weather of a city <now>", "parameters": SCHEMA}}
PLAIN_TOOL = {"type": "function", "function": {
    "name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}}}
RESULT = message("tool", '{"temperature": 21.5, "text": "sunny \u2600"}', name="get_weather",
                 tool_call_id="call00001")

CONVERSATIONS = {
    "nothing": [],
    "one question": [HELLO],
    "with system": [SYSTEM, HELLO],
    "one answer": [HELLO, ANSWER],
    "system and answer": [SYSTEM, HELLO, ANSWER],
    "second question": [HELLO, ANSWER, AGAIN],
    "two answers": [SYSTEM, HELLO, ANSWER, AGAIN, FOUR],
    "eight turns": [SYSTEM] + [HELLO, ANSWER, AGAIN, FOUR] * 4,
    "odd characters": [message("system", ODD), message("user", ODD), message("assistant", ODD)],
    "line ends": [message("user", "a\r\nb\rc\x0bd\x85e\u2028f"),
                  message("assistant", "\nx\n"), message("user", " ")],
    "empty contents": [message("system", ""), message("user", ""), message("assistant", ""),
                       message("user", "")],
    "no contents": [{"role": "user"}, {"role": "assistant"}],
    "null content": [HELLO, message("assistant", None)],
    "thoughts in the text": [HELLO, message("assistant", THOUGHT), AGAIN,
                             message("assistant", THOUGHT)],
    "thoughts apart": [HELLO, message("assistant", "Four.", reasoning_content="Two and two."),
                       AGAIN, message("assistant", "Four.", reasoning_content=" So.\n")],
    "other thoughts": [HELLO, message("assistant", "Four.", thinking="Hm.", reasoning="Hm?")],
    "a call": [HELLO, message("assistant", None, tool_calls=[call("get_weather", {"city": "Rom"})]),
               RESULT, message("assistant", "21.5 degrees.")],
    "a call with text": [
        SYSTEM, HELLO,
        message("assistant", "Let me see.", tool_calls=[
            call("get_weather", {"city": "Z\u00fcrich \"x\"", "days": [1, 2.5, True, None],
                                 "place": {"lat": 47.4, "n": {}}}),
            call("now", {}, "call00002")]),
        RESULT, message("tool", "12:00", name="now", tool_call_id="call00002"),
        message("assistant", "Done."), AGAIN],
    "a call as text": [HELLO, message("assistant", "", tool_calls=[
        call("get_weather", '{"city": "Rom"}')]), RESULT],
    "a bare call": [HELLO, message("assistant", None, tool_calls=[
        {"name": "get_weather", "arguments": {"city": "Rom"}}]), RESULT],
    "result as parts": [HELLO, message("assistant", "", tool_calls=[call("now", {})]),
                        message("tool", [{"type": "text", "text": "noon"}], name="now",
                                tool_call_id="call00001")],
    "contents in parts": [
        message("system", [{"type": "text", "text": "Be brief."}]),
        message("user", [{"type": "text", "text": "Look:"}, {"type": "image"},
                         {"type": "text", "text": "What is it? "}]),
        message("assistant", [{"type": "text", "text": "A cat."}])],
    "developer": [message("developer", "Be brief."), HELLO, ANSWER],
    "system in the middle": [HELLO, SYSTEM, AGAIN],
    "two questions": [HELLO, AGAIN],
    "answer first": [ANSWER, HELLO],
    "two systems": [SYSTEM, SYSTEM, HELLO],
    "unknown role": [message("wizard", "Abracadabra"), HELLO],
    "names": [message("user", "Hi", name="Ada"), message("assistant", "Hi", name="bot")],
    "a number as content": [message("user", 3.0), message("assistant", 12)],
}

EXTRAS = [
    {},
    {"tools": [TOOL, PLAIN_TOOL]},
    {"tools": []},
    {"enable_thinking": False, "thinking": True, "date_string": "26 Jul 2024"},
    {"enable_thinking": True, "tools": [TOOL], "reasoning_effort": "high",
     "tools_in_user_message": False},
    {"documents": [{"title": "A & B", "text": "Facts.", "doc_id": 1}], "custom_tools": [TOOL],
     "builtin_tools": ["code_interpreter", "browser"]},
]
