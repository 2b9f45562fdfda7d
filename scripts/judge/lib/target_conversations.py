"""Conversations of which judge/chat-targets knows what is to be learned: no text is part of another."""

from judge.lib.template_conversations import PLAIN_TOOL, TOOL, call, message


def user(text):
    return message("user", text)


def assistant(text, **more):
    return message("assistant", text, **more)


SYSTEM = message("system", "Speak like a lighthouse keeper.")
GREETING = assistant("Harbour office, good morning.")
FIRST = user("Is berth two free?")
FREE = assistant("Until noon, then a barge comes.")
SECOND = user("And berth seven?")
TAKEN = assistant("Taken all week.")
THIRD = user("Thanks.")
BYE = assistant("Mind the step.")
RESULT = message("tool", '{"tide": "low"}', name="get_weather", tool_call_id="call00001")
CALLS = [call("get_weather", {"city": "Elmar"})]

CONVERSATIONS = {
    "a question": {"messages": [FIRST, FREE]},
    "a system": {"messages": [SYSTEM, FIRST, FREE]},
    "three answers": {"messages": [FIRST, FREE, SECOND, TAKEN, THIRD, BYE]},
    "three answers with a system": {"messages": [SYSTEM, FIRST, FREE, SECOND, TAKEN, THIRD, BYE]},
    "an open question": {"messages": [FIRST, FREE, SECOND]},
    "the assistant first": {"messages": [GREETING, FIRST, FREE]},
    "a system, the assistant first": {"messages": [SYSTEM, GREETING, FIRST, FREE]},
    "the assistant alone": {"messages": [GREETING]},
    "blanks around": {"messages": [user(" Is berth two free?\n"), assistant("\n  Until noon. \n")]},
    "marks in a text": {"messages": [FIRST, assistant("Write <b>x</b> & </i>, or '[x]'.")]},
    "nobody's answer": {"messages": [SYSTEM, FIRST]},
    "a thought in the text": {"messages": [
        FIRST, assistant("<think>\nLet me look.\n</think>\n\nUntil noon."), SECOND,
        assistant("<think>\nAgain.\n</think>\n\nTaken all week.")], "plain": False},
    "a thought apart": {"messages": [
        FIRST, assistant("Until noon.", reasoning_content="Let me look."), SECOND,
        assistant("Taken all week.", reasoning_content="Again.")], "plain": False},
    "tools": {"messages": [SYSTEM, FIRST, FREE], "extra": {"tools": [TOOL, PLAIN_TOOL]}},
    "a call": {"messages": [FIRST, assistant("", tool_calls=CALLS), RESULT, FREE],
               "extra": {"tools": [TOOL]}, "plain": False},
    "a call with words": {
        "messages": [FIRST, assistant("Let me see.", tool_calls=CALLS), RESULT, FREE, SECOND, TAKEN],
        "extra": {"tools": [TOOL]}, "plain": False},
    "a call as text": {
        "messages": [FIRST, assistant("", tool_calls=[call("get_weather", '{"city": "Elmar"}')]),
                     RESULT, FREE], "extra": {"tools": [TOOL]}, "plain": False},
}
for case in CONVERSATIONS.values():
    case.setdefault("extra", {})
    case.setdefault("plain", True)
