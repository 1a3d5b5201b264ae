import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './process.mjs';

/** The README with its guarantee table and its examples as they stand in docs/delivery.md and examples/. */
export function renewReadme(readme) {
  const delivery = readFileSync(join(ROOT, 'docs/delivery.md'), 'utf8');
  const guarantee = between(delivery, '<!-- guarantee:start -->', '<!-- guarantee:end -->');
  const withTable = replaceBetween(readme, '<!-- guarantee:start -->', '<!-- guarantee:end -->', guarantee);
  return renewExamples(withTable);
}

/** Examples as they stand in examples/. */
export function renewExamples(page) {
  return page.replace(
    /<!-- example:(\S+) -->[\s\S]*?<!-- example:end -->/g,
    (_, path) =>
      `<!-- example:${path} -->\n\`\`\`js\n${readFileSync(join(ROOT, path), 'utf8')}\`\`\`\n<!-- example:end -->`,
  );
}

function between(text, start, end) {
  return text.slice(text.indexOf(start) + start.length, text.indexOf(end));
}

function replaceBetween(text, start, end, content) {
  return text.slice(0, text.indexOf(start) + start.length) + content + text.slice(text.indexOf(end));
}
