// What the scripts print when a policy is wrong: {problem: {file, line, column, message, excerpt}}. The excerpt is the
// line with a caret below; `folder` is that of the policy within the project.
import { posix } from 'node:path';

export function told(folder, { file, line = 0, column = 0, text = '' }, message) {
  const shown = text.split(/\r?\n/)[line - 1];
  const before = shown?.slice(0, column - 1).replace(/[^\t]/g, ' ');
  const excerpt = shown === undefined ? [] : [`| ${shown}`, `| ${before}^`];
  return { problem: { file: posix.join(folder, file), line, column, message, excerpt } };
}
