// tsyringe looks for this when it is loaded. A module of its own, so that bundlers keep the order.
import 'reflect-metadata';
