import { describe, expect, it } from 'vitest';
import { complete, wordAt } from './completion';

/** `|` marks the caret. */
function word(marked: string) {
  return wordAt(marked.replace('|', ''), marked.indexOf('|'));
}

describe('the word at the caret', () => {
  it.each([
    ['do|', 'do'],
    ['dog ca|', 'ca'],
    ['dog -per|', 'per'],
    ['(su|n OR sea)', 'su'],
    ['"hot d|', 'hot d'],
    ['"hot d|og" cat', 'hot d'],
    ['"hot dog" c|', 'c'],
  ])('in %s is %s', (query, prefix) => {
    expect(word(query)?.prefix).toBe(prefix);
  });

  it.each(['|', 'dog |', 'dog OR|', 'is:off|', 'dog:9|', 'sun*|', '"hot dog"|', '-|'])(
    'is nothing in %s',
    (query) => {
      expect(word(query)).toBeUndefined();
    },
  );
});

describe('a chosen label', () => {
  it.each([
    ['do|', 'dog', 'dog |'],
    ['cat -pe|', 'person', 'cat -person |'],
    ['ho| cat', 'hot dog', '"hot dog" |cat'],
    ['"hot d|', 'hot dog', '"hot dog" |'],
    ['(su|n OR sea)', 'sunset', '(sunset |OR sea)'],
    ['t|', 't-shirt', 't-shirt |'],
  ])('in %s as %s gives %s', (marked, label, expected) => {
    const query = marked.replace('|', '');
    const at = word(marked);
    if (!at) throw new Error('no word');
    const { text, caret } = complete(query, at, label);
    expect(`${text.slice(0, caret)}|${text.slice(caret)}`).toBe(expected);
  });
});
