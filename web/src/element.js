// What the panel's parts make their markup and numbers with.

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A number with its thousands apart, as the rest of the page writes it. */
export const grouped = (value) => value.toLocaleString('en-US');
