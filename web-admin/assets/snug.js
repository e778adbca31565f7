// Conveniences only: every page works without this file.
'use strict';

// Copy buttons are hidden until it is known that copying works.
for (const button of document.querySelectorAll('button[data-copy]')) {
  if (!navigator.clipboard) break;
  const source = document.getElementById(button.dataset.copy);
  const words = button.textContent;
  button.hidden = false;
  button.setAttribute('aria-live', 'polite');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(source.textContent.trim().replace(/\s+/g, ' '));
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Not copied';
    }
    setTimeout(() => { button.textContent = words; }, 2000);
  });
}

// Printing can be had by a press where there is a script.
for (const button of document.querySelectorAll('button[data-print]')) {
  button.hidden = false;
  button.addEventListener('click', () => window.print());
}

// Points in time in the reader's own time zone.
for (const time of document.querySelectorAll('time[datetime*="T"]')) {
  const at = new Date(time.dateTime);
  if (!isNaN(at)) time.title = at.toLocaleString([], { dateStyle: 'long', timeStyle: 'short' });
}

// What has to be corrected comes first.
document.querySelector('[aria-invalid="true"]')?.focus();

// Passwords can be looked at while typing.
for (const input of document.querySelectorAll('input[type="password"]')) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'reveal';
  button.textContent = 'Show';
  button.setAttribute('aria-pressed', 'false');
  button.setAttribute('aria-controls', input.id);
  button.addEventListener('click', () => {
    const shown = input.type === 'text';
    input.type = shown ? 'password' : 'text';
    button.textContent = shown ? 'Show' : 'Hide';
    button.setAttribute('aria-pressed', String(!shown));
    input.focus();
  });
  const label = document.querySelector(`label[for="${input.id}"]`);
  if (label) button.setAttribute('aria-label', `Show: ${label.textContent}`);
  input.after(button);
  input.parentElement.classList.add('with-reveal');
}
