// A program of another language that uses the contract's types. It is compiled, never run. Each line after a
// ts-expect-error comment must not compile, everything else must.
import type { components, operations } from "./openapi";

type Conversation = components["schemas"]["Conversation"];
type Page = operations["listConversations"]["responses"][200]["content"]["application/json"];

/** The three forms of last_message are all there are: a fourth in the contract makes this fail to compile. */
export function lastText(message: Conversation["last_message"]): string | null {
  if (message === null) {
    return null;
  }
  if (typeof message === "string") {
    return message;
  }
  const { id, content, sender_type, ...rest } = message;
  const nothingElse: Record<string, never> = rest;
  const exactly: { id: string; content: string; sender_type: string } = message;
  void [id, sender_type, nothingElse, exactly];
  return content;
}

/** Open sets are strings: a value that the contract does not know yet is no error. */
export const unknownPlatform: Conversation["platform"] = "a-platform-of-tomorrow";
export const unknownState: Conversation["state"] = "a-state-of-tomorrow";

/** Numbers are numbers, and nullable members are null or a string, never absent. */
export function remaining(page: Page): number {
  const userID: string | null | undefined = page.data[0]?.user_id;
  void userID;
  return page.metadata.totalCount - page.metadata.currentPage * page.metadata.pageSize;
}

/** A conversation of the list always has a state, one that was asked for by its id may lack it. */
export function stateOf(listed: Page["data"][number]): string {
  return listed.state;
}

export function stateOfOne(one: Conversation): string {
  // @ts-expect-error the state of a single conversation may be missing
  return one.state;
}

export const query: operations["listConversations"]["parameters"]["query"] = { page: 1, limit: 10, state: "in_progress" };

// @ts-expect-error a page number is an integer, not a string
export const textPage: operations["listConversations"]["parameters"]["query"] = { page: "1" };

// @ts-expect-error last_message has no form that is a number
export const numberMessage: Conversation["last_message"] = 1;

export function unnarrowed(conversation: Conversation): string {
  // @ts-expect-error last_message may be null or a string: it has no content before it is told apart
  return conversation.last_message.content;
}
