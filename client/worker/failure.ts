import type { FailureReason } from '../../runtime/worker/status';

/** A failure in words: what is wrong, what that means, what to do. */
export interface Failure {
  readonly headline: string;
  readonly sentence: string;
  readonly remedy: string;
  /** `stop`: the page tries again by itself, and that is what can be stopped. */
  readonly action: 'stop' | 'again' | 'reload';
  /** Whether a code of the computer's would help. */
  readonly asksForCode?: true;
}

const smallerShare =
  'On the computer, a later --cut or a smaller --micro-batch gives this device less to hold.';

/** The page's words for each reason why a worker can't compute. */
export const failures: Readonly<Record<FailureReason, Failure>> = {
  'no-secure-context': {
    headline: 'This address is not secure',
    sentence:
      'Browsers let a page use the graphics processor only over https, or when the page comes from the same device (localhost).',
    remedy:
      'Open this page by an https:// address. On the computer that runs Tandem, http://localhost with the same port works too.',
    action: 'reload',
  },
  'no-webgpu': {
    headline: 'This browser has no WebGPU',
    sentence: 'Without it a page can’t compute on the graphics processor.',
    remedy:
      'On an iPhone or iPad, update to iOS 26 or newer and open this page in Safari. Elsewhere, use a current Safari, Chrome or Edge.',
    action: 'reload',
  },
  'no-adapter': {
    headline: 'No graphics processor',
    sentence: 'The browser knows WebGPU, but offers this page no graphics processor.',
    remedy:
      'Close other pages and apps and start again. In Chrome, chrome://gpu says what is missing.',
    action: 'again',
  },
  'limits-too-small': {
    headline: 'This graphics processor is too small',
    sentence: 'It can’t hold or run this device’s share of the network.',
    remedy: smallerShare,
    action: 'again',
  },
  'out-of-memory': {
    headline: 'Out of memory',
    sentence: 'This device’s share of the network does not fit into its memory.',
    remedy: `Close other pages and apps and start again. ${smallerShare}`,
    action: 'again',
  },
  'device-lost': {
    headline: 'The graphics processor was lost',
    sentence:
      'The system took it away from this page again and again, most often because memory ran low.',
    remedy: 'Close other apps, keep this page in front, and start again.',
    action: 'again',
  },
  'host-unreachable': {
    headline: 'The computer does not answer',
    sentence: 'This page tries again every few seconds.',
    remedy:
      'Check that Tandem runs on the computer, and that the cable is plugged in. After a change from cable to Wi-Fi, or of the computer’s address, scan its code again.',
    action: 'stop',
  },
  'host-gone': {
    headline: 'The computer is gone',
    sentence:
      'Tandem stopped there, or the cable was pulled. This page tries again every few seconds.',
    remedy:
      'Plug the cable in, and start Tandem again if it stopped. After a change from cable to Wi-Fi, or of the computer’s address, scan its code again.',
    action: 'stop',
  },
  'version-mismatch': {
    headline: 'This page is out of date',
    sentence: 'It speaks another version of Tandem’s protocol than the computer does.',
    remedy: 'Reload the page. If that does not help, restart Tandem on the computer.',
    action: 'reload',
  },
  'not-paired': {
    headline: 'This device is not paired',
    sentence: 'The computer lets in only devices that were invited by its code.',
    remedy:
      'Point the camera at the QR code that Tandem shows on the computer and open its link, or enter the code here.',
    action: 'reload',
    asksForCode: true,
  },
  'code-expired': {
    headline: 'This code is used up',
    sentence: 'Each code lets one device in, within an hour.',
    remedy: 'Tandem shows a new one on the computer: scan that, or enter it here.',
    action: 'reload',
    asksForCode: true,
  },
  internal: {
    headline: 'Something broke',
    sentence: 'An error that Tandem did not foresee stopped this device.',
    remedy: 'Reload the page. If it comes back, report it with the words below.',
    action: 'reload',
  },
};
