export { BroadcastChannel, MessageChannel, MessagePort, receiveMessageOnPort } from '../../../../message-channel.js';
