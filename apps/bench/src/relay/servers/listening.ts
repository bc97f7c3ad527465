/** Tells the bench where a server listens. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export const tell = (port: number): void => void process.stdout.write(`${JSON.stringify({ port, pid: process.pid })}\n`)

export const listening = (server: Server): void => tell((server.address() as AddressInfo).port)
