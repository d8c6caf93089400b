// Text of models and strangers on its way to a terminal.

// eslint-disable-next-line no-control-regex -- these are what it looks for
const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** The text with what could steer a terminal made visible; lines and tabs stay. */
export function harmlessText(text: string): string {
  return text.replace(steering, "�");
}
